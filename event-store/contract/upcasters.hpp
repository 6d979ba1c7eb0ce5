// Upcasters: data of one version to data of the next, as JSON text (contract 14). They run after
// the chain was checked, because the chain is over the stored bytes. Pure; any thread. Errors:
// Errc::bad_json where the data is no JSON object.
#pragma once

#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

// Run events 1 -> 2: `websocket_connection_id` becomes `websocket_client_id`.
[[nodiscard]] Result<std::string> rename_websocket_connection_id(std::string_view data);

}  // namespace signalbox::event_store
