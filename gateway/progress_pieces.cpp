#include "gateway/progress_pieces.hpp"

#include <algorithm>

#include "event-store/contract/codec.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::size_t kEndedMax = 4096;

bool ends_run(std::string_view type) {
  return type == "dev.signalbox.agent_completed" || type == "dev.signalbox.agent_failed" ||
         type == "dev.signalbox.agent_cancelled";
}

}  // namespace

bool ProgressPieces::add(const RecordPtr& piece) {
  const auto run_id = piece->header("ce_runid");
  const auto attempt = event_store::header_number(*piece, "ce_attempt");
  if (!run_id || !attempt || !piece->key || ended_.contains(*run_id)) return false;
  auto found = runs_.find(*run_id);
  if (found != runs_.end() && *attempt < found->second.attempt) return false;
  if (found != runs_.end() && *attempt > found->second.attempt) {
    drop(*run_id);
    found = runs_.end();
  }
  if (found == runs_.end()) {
    found =
        runs_.try_emplace(std::string(*run_id), Run{*piece->key, *attempt, {}, 0, ++last_number_})
            .first;
    order_.emplace(last_number_, *run_id);
    runs_by_user_[*piece->key].emplace_back(*run_id);
  }
  const std::size_t bytes = size_bytes(*piece);
  found->second.pieces.push_back(piece);
  found->second.bytes += bytes;
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && !order_.empty()) drop(std::string(order_.begin()->second));
  return true;
}

void ProgressPieces::follow(std::span<const Header> event) {
  const std::string_view type = find_header(event, "ce_type").value_or("");
  const bool ends = ends_run(type);
  if (!ends && type != "dev.signalbox.run_resumed") return;
  const auto run_id = find_header(event, "ce_runid");
  if (!run_id) return;
  if (ends) {
    remember_ended(*run_id);
    drop(*run_id);
  } else {
    const auto attempt = event_store::header_number(event, "ce_attempt");
    const auto found = runs_.find(*run_id);
    if (attempt && found != runs_.end() && found->second.attempt < *attempt) drop(*run_id);
  }
}

std::vector<RecordPtr> ProgressPieces::of(std::string_view user) const {
  std::vector<RecordPtr> pieces;
  const auto runs = runs_by_user_.find(user);
  if (runs == runs_by_user_.end()) return pieces;
  for (const std::string& id : runs->second) {
    const auto& of_run = runs_.find(id)->second.pieces;
    pieces.insert(pieces.end(), of_run.begin(), of_run.end());
  }
  return pieces;
}

void ProgressPieces::drop(std::string_view run) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  bytes_ -= found->second.bytes;
  const auto of_user = runs_by_user_.find(found->second.user);
  std::erase(of_user->second, found->first);
  if (of_user->second.empty()) runs_by_user_.erase(of_user);
  order_.erase(found->second.number);
  runs_.erase(found);
}

void ProgressPieces::remember_ended(std::string_view run) {
  if (!ended_.try_emplace(std::string(run), true).second) return;
  ended_order_.emplace_back(run);
  if (ended_order_.size() <= kEndedMax) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

}  // namespace signalbox::gateway
