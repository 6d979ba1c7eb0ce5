#include "router/user_rebuild.hpp"

#include "router/user_fold.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

UserRebuild::UserRebuild(event_store::EventLog& log, LogId log_id, Partition partition,
                         std::span<const UserId> users, RoutingLimits limits)
    : log_(log), partition_(partition), limits_(limits) {
  for (const UserId& user : users)
    users_.emplace(user, Rebuilt{RoutingState(user, event_store::start_of_chain(log_id, user))});
}

Result<bool> UserRebuild::advance(Offset target) {
  const auto piece = log_.read({Topic::events, partition_}, position_.next_offset, {});
  if (!piece) return tl::unexpected(piece.error());
  for (const RecordPtr& record : *piece) {
    if (record->offset >= target) return true;
    if (const auto folded = fold_record(*record); !folded) return tl::unexpected(folded.error());
  }
  return piece->empty() || position_.next_offset >= target;
}

Result<void> UserRebuild::fold_record(const Record& record) {
  const auto judged = event_store::fold(position_, record);
  if (judged.verdict != event_store::Verdict::valid) return {};
  const auto user = user_of(record);
  const auto found = user ? users_.find(*user) : users_.end();
  if (found == users_.end()) return {};
  auto folded = fold_event(found->second.state, record, limits_);
  if (!folded) return tl::unexpected(folded.error());
  if (folded->damage) found->second.damage = std::move(folded->damage);
  return {};
}

std::vector<UserRebuild::Rebuilt> UserRebuild::take() {
  std::vector<Rebuilt> rebuilt;
  for (auto& [user, his] : users_) rebuilt.push_back(std::move(his));
  users_.clear();
  return rebuilt;
}

}  // namespace signalbox::router
