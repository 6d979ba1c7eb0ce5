#include "router/user_rebuild.hpp"

#include "event-store/contract/codec.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

UserRebuild::UserRebuild(event_store::EventLog& log, LogId log_id, Partition partition,
                         std::span<const UserId> users, RoutingLimits limits)
    : log_(log), partition_(partition), limits_(limits) {
  for (const UserId& user : users)
    states_.emplace(user, RoutingState(user, event_store::start_of_chain(log_id, user)));
}

Result<bool> UserRebuild::advance(Offset target) {
  const auto piece = log_.read({Topic::events, partition_}, position_.next_offset, {});
  if (!piece) return tl::unexpected(piece.error());
  for (const RecordPtr& record : *piece) {
    if (record->offset >= target) return true;
    fold_record(*record);
  }
  return piece->empty() || position_.next_offset >= target;
}

void UserRebuild::fold_record(const Record& record) {
  const auto judged = event_store::fold(position_, record);
  if (judged.verdict != event_store::Verdict::valid) return;
  const auto user = user_of(record);
  const auto found = user ? states_.find(*user) : states_.end();
  if (found == states_.end()) return;
  RoutingState& state = found->second;
  const auto event = event_store::decode_event(record);
  const auto broken = event_store::follow(state.chain, record);
  if ((broken || !event) && !state.damaged_at) freeze(state, record.offset);
  if (!event) return;
  apply(state, *event, limits_);
  if (event->run_id) note_offset(state, *event->run_id, event->seq, record.offset);
}

std::vector<RoutingState> UserRebuild::take() {
  std::vector<RoutingState> states;
  for (auto& [user, state] : states_) states.push_back(std::move(state));
  states_.clear();
  return states;
}

}  // namespace signalbox::router
