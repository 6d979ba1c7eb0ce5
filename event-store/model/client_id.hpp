// How a client is named who asked for no name of his own (contract 6).
#pragma once

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/random.hpp"

namespace signalbox {

// `ws_` + 26 characters: 48 bits of milliseconds and 80 random bits in Crockford's base 32.
[[nodiscard]] WebsocketClientId make_client_id(Timestamp now, Random& random);

}  // namespace signalbox
