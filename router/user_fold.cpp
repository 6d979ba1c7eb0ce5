#include "router/user_fold.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"

namespace signalbox::router {
namespace {

// `follow` moves the chain on and tells where it is broken.
template <class Follow>
Result<FoldedEvent> fold_followed(RoutingState& state, const Record& record,
                                  const RoutingLimits& limits, const Follow& follow) {
  auto event = event_store::decode_event(record);
  if (!event && event.error().code == Errc::unsupported_version)
    return tl::unexpected(event.error());
  const std::optional<event_store::ChainBreak> broken = follow();
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

}  // namespace

Result<FoldedEvent> fold_event(RoutingState& state, const Record& record,
                               const RoutingLimits& limits) {
  return fold_followed(state, record, limits,
                       [&] { return event_store::follow(state.chain, record); });
}

Result<FoldedEvent> fold_event(RoutingState& state, const Record& record,
                               const RoutingLimits& limits, const ChainPlace& place) {
  return fold_followed(state, record, limits, [&] {
    return event_store::follow(state.chain, place.stated, place.next, record.offset);
  });
}

}  // namespace signalbox::router
