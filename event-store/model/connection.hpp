// Facts about sockets and sign-ins (topic connections, contract 5). Nobody waits for them; no seq.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox {

struct ClientConnected {
  std::string user_agent;
  std::string gateway;
  friend bool operator==(const ClientConnected&, const ClientConnected&) = default;
};
struct ClientDisconnected {
  std::int32_t code;
  std::string reason;
  friend bool operator==(const ClientDisconnected&, const ClientDisconnected&) = default;
};
struct AuthAccepted {
  friend bool operator==(const AuthAccepted&, const AuthAccepted&) = default;
};
struct AuthRefused {
  std::string code;
  friend bool operator==(const AuthRefused&, const AuthRefused&) = default;
};
struct AuthRefreshed {
  Timestamp expires;
  friend bool operator==(const AuthRefreshed&, const AuthRefreshed&) = default;
};
struct AuthExpired {
  friend bool operator==(const AuthExpired&, const AuthExpired&) = default;
};
// Ends all earlier sockets of that gateway. No key; one in every partition.
struct GatewayStarted {
  std::string gateway;
  std::string boot;
  friend bool operator==(const GatewayStarted&, const GatewayStarted&) = default;
};

using ConnectionData = std::variant<ClientConnected, ClientDisconnected, AuthAccepted, AuthRefused,
                                    AuthRefreshed, AuthExpired, GatewayStarted>;

struct ConnectionRecord {
  std::string id;  // ce_id: random UUID
  std::string source;
  Timestamp time;
  std::optional<UserId> user_id;  // none: gateway_started, and auth_refused of nobody in particular
  std::optional<WebsocketClientId> websocket_client_id;
  ConnectionData data;
};

}  // namespace signalbox
