#include "gateway/close_codes.hpp"

#include <array>

namespace signalbox::gateway {
namespace {

constexpr std::array kRows{
    CloseCodeRow{CloseCode::normal, "normal", "nothing: it asked for it"},
    CloseCodeRow{CloseCode::going_away, "going_away", "come back with its cursor"},
    CloseCodeRow{CloseCode::protocol_error, "protocol_error", "mend its WebSocket library"},
    CloseCodeRow{CloseCode::unsupported_data, "unsupported_data", "send text frames only"},
    CloseCodeRow{CloseCode::abnormal, "abnormal", "come back with its cursor"},
    CloseCodeRow{CloseCode::invalid_payload, "invalid_payload", "send UTF-8"},
    CloseCodeRow{CloseCode::message_too_big, "message_too_big", "send smaller frames"},
    CloseCodeRow{CloseCode::draining, "draining",
                 "come back with its cursor after reconnect_after_ms"},
    CloseCodeRow{CloseCode::slow_consumer, "slow_consumer",
                 "come back with its cursor and read faster"},
    CloseCodeRow{CloseCode::heartbeat_lost, "heartbeat_lost", "come back with its cursor"},
    CloseCodeRow{CloseCode::overloaded, "overloaded", "come back with its cursor, later"},
    CloseCodeRow{CloseCode::log_unavailable, "log_unavailable", "come back with its cursor, later"},
    CloseCodeRow{CloseCode::protocol, "protocol", "speak signalbox.v1 as documented"},
    CloseCodeRow{CloseCode::not_authenticated, "not_authenticated", "get a new token first"},
    CloseCodeRow{CloseCode::forbidden, "forbidden", "not come back: it may not do this"},
    CloseCodeRow{CloseCode::authentication_timeout, "authentication_timeout",
                 "send authenticate as its first frame, at once"},
    CloseCodeRow{CloseCode::too_many_connections, "too_many_connections",
                 "close other sockets of the user first"},
    CloseCodeRow{CloseCode::rate_limited, "rate_limited", "send less"},
};

}  // namespace

std::span<const CloseCodeRow> close_codes() { return kRows; }

std::string_view to_text(CloseCode code) {
  for (const CloseCodeRow& row : kRows)
    if (row.code == code) return row.name;
  return "unknown";
}

}  // namespace signalbox::gateway
