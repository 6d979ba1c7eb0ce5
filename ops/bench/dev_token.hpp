// A user's token of a service started with --dev: asked for (contract 12), or signed with the key
// that such a service keeps in its data directory (contract 11).
#pragma once

#include <chrono>
#include <string>

#include "event-store/model/result.hpp"
#include "ops/client/websocket_client.hpp"

namespace signalbox::bench {

// Blocking, at most `wait_max`. Errors: unavailable (no answer, or 5xx), forbidden (any other
// status), malformed.
[[nodiscard]] Result<std::string> fetch_dev_token(const client::WebSocketUrl& service,
                                                  const std::string& user_id,
                                                  std::chrono::milliseconds wait_max);

// `secret`: the bytes of DATA/dev.key. Valid for a day.
[[nodiscard]] std::string sign_dev_token(const std::string& secret, const std::string& user_id);

}  // namespace signalbox::bench
