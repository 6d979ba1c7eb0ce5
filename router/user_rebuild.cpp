#include "router/user_rebuild.hpp"

#include "event-store/contract/codec.hpp"
#include "router/user_states.hpp"

namespace signalbox::router {

UserRebuild::UserRebuild(event_store::EventLog& log, LogId log_id, Partition partition, UserId user,
                         RoutingLimits limits)
    : log_(log),
      partition_(partition),
      limits_(limits),
      state_(user, event_store::start_of_chain(log_id, user)) {}

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
  if (judged.verdict != event_store::Verdict::valid || user_of(record) != state_.user_id) return;
  const auto event = event_store::decode_event(record);
  const auto broken = event_store::follow(state_.chain, record);
  if ((broken || !event) && !state_.damaged_at) freeze(state_, record.offset);
  if (!event) return;
  apply(state_, *event, limits_);
  if (event->run_id) note_offset(state_, *event->run_id, event->seq, record.offset);
}

}  // namespace signalbox::router
