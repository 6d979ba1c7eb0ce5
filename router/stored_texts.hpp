// The texts that a snapshot left in the log, read again (contract 9).
#pragma once

#include <functional>
#include <vector>

#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

// Where the log has what the state lacks: offsets in the user's partition of events, in order.
[[nodiscard]] std::vector<Offset> places_of_texts(RoutingState& state);

// The record at that offset of the user's partition of events; null where it cannot be had.
using ReadRecord = std::function<RecordPtr(Offset)>;

// False: the log no longer has one of them; the state is of no use then.
[[nodiscard]] bool load_texts(RoutingState& state, const ReadRecord& read);

}  // namespace signalbox::router
