// Asks a service started with --dev for a user's token: POST /dev/token (contract 12).
#pragma once

#include <chrono>
#include <string>

#include "event-store/model/result.hpp"
#include "ops/bench/websocket_client.hpp"

namespace signalbox::bench {

// Blocking, at most `wait_max`. Errors: unavailable (no answer, or 5xx), forbidden (any other
// status), malformed.
[[nodiscard]] Result<std::string> fetch_dev_token(const WebSocketUrl& service,
                                                  const std::string& user_id,
                                                  std::chrono::milliseconds wait_max);

}  // namespace signalbox::bench
