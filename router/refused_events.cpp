#include "router/refused_events.hpp"

#include <variant>

#include "event-store/model/assert.hpp"

namespace signalbox::router {
namespace {

// Of a command: each has exactly one of these. All others are of a run.
bool is_outcome(const EventData& data) {
  return std::holds_alternative<MessageReceived>(data) ||
         std::holds_alternative<MessageDuplicate>(data) ||
         std::holds_alternative<MessageRejected>(data) ||
         std::holds_alternative<CancelRequested>(data) ||
         std::holds_alternative<CancelRejected>(data) ||
         std::holds_alternative<RunInputReceived>(data) ||
         std::holds_alternative<RunInputRejected>(data) ||
         std::holds_alternative<HistoryViewed>(data);
}

}  // namespace

void RefusedEvents::note(const Event& event) {
  SIGNALBOX_ASSERT(is_outcome(event.data) || event.run_id);
  const bool is_new = is_outcome(event.data) ? commands_.insert(event.inbound_offset).second
                                             : runs_.insert(*event.run_id).second;
  is_stuck_ = !is_new;
}

void RefusedEvents::forget_before(Offset inbound_next) {
  commands_.erase(commands_.begin(), commands_.lower_bound(inbound_next));
}

void RefusedEvents::forget(const RunId& run_id) { runs_.erase(run_id); }

}  // namespace signalbox::router
