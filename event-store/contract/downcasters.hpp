// Downcasters: data of one version to data of the version before it, as JSON text, for services
// that are told to write an older version (`[contract] write`, contract 14). They are given what
// our encoders wrote. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "event-store/model/ids.hpp"

namespace signalbox::event_store {

// Run events 2 -> 1: the client id stands in the data too, as `websocket_connection_id`.
[[nodiscard]] std::string add_websocket_connection_id(std::string_view data,
                                                      const WebsocketClientId& client);

}  // namespace signalbox::event_store
