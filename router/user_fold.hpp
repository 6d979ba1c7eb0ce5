// fold_event: one valid event folded into the state of its user, with the judgement whether it
// follows on (contract 8). The one way by which read events reach a state, whether the partition is
// followed or a user is folded again. Thread: any; a pure function.
#pragma once

#include <optional>
#include <string>

#include "event-store/contract/chain.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

struct FoldedEvent {
  std::optional<Event> event{};  // what was read; none where it cannot be
  bool is_chain_broken = false;
  std::optional<std::string> damage{};  // why he is frozen from this event on; none: it is not this
};

// Error unsupported_version: this build cannot fold the partition (contract 14); nothing was
// changed.
[[nodiscard]] Result<FoldedEvent> fold_event(RoutingState& state, const Record& event,
                                             const RoutingLimits& limits);

// An event's place in the chain of its user, which can be had ahead of the state.
struct ChainPlace {
  event_store::StatedPlace stated;
  event_store::Hash next;  // chain_next of the hash before it and of its content
};
[[nodiscard]] Result<FoldedEvent> fold_event(RoutingState& state, const Record& event,
                                             const RoutingLimits& limits, const ChainPlace& place);

}  // namespace signalbox::router
