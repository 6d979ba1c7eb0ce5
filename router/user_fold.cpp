#include "router/user_fold.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"

namespace signalbox::router {

Result<FoldedEvent> fold_event(RoutingState& state, const Record& record,
                               const RoutingLimits& limits) {
  auto event = event_store::decode_event(record);
  if (!event && event.error().code == Errc::unsupported_version)
    return tl::unexpected(event.error());
  const auto broken = event_store::follow(state.chain, record);
  FoldedEvent folded{.is_chain_broken = broken.has_value()};
  if ((broken || !event) && !state.damaged_at) {
    freeze(state, record.offset);
    folded.damage = broken ? broken->what : event.error().message;
  }
  if (event) {
    apply(state, *event, limits);
    if (event->run_id) note_offset(state, *event->run_id, event->seq, record.offset);
    folded.event = std::move(*event);
  }
  return folded;
}

}  // namespace signalbox::router
