// The one table of close codes a client may see (contract 11): number, name, what the client should
// do. Numbers are never used again for something else. 4000-4399: come back with your cursor;
// 4400-4799: do not come back unchanged.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace signalbox::gateway {

enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  abnormal = 1006,  // never sent: how a lost connection is recorded
  invalid_payload = 1007,
  message_too_big = 1009,
  draining = 4000,
  slow_consumer = 4001,
  heartbeat_lost = 4002,
  overloaded = 4003,
  log_unavailable = 4004,
  protocol = 4400,
  not_authenticated = 4401,
  forbidden = 4403,
  authentication_timeout = 4408,
  too_many_connections = 4409,
  rate_limited = 4429,
};

struct CloseCodeRow {
  CloseCode code;
  std::string_view name;
  std::string_view client_should;
};

[[nodiscard]] std::span<const CloseCodeRow> close_codes();
[[nodiscard]] std::string_view to_text(CloseCode code);
[[nodiscard]] inline std::uint16_t number(CloseCode code) {
  return static_cast<std::uint16_t>(code);
}

}  // namespace signalbox::gateway
