// The data of progress and of the facts about sockets, described (contract 5).
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/model/connection.hpp"
#include "event-store/model/progress.hpp"

namespace signalbox::event_store {

template <>
struct Contract<AgentResponding> {
  static constexpr ContractKind kind = ContractKind::progress;
  static constexpr std::string_view name = "agent_responding";
  static constexpr std::string_view about =
      "A piece of a growing answer; it may be lost, agent_completed holds the whole.";
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
  static constexpr auto fields =
      std::tuple(field("index", &AgentResponding::index, {.smallest = 0, .largest = 2147483647}),
                 field("offset", &AgentResponding::offset, {.smallest = 0}),
                 field("content", &AgentResponding::content));
};

struct FirstConnection {
  static constexpr ContractKind kind = ContractKind::connection;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<ClientConnected> : FirstConnection {
  static constexpr std::string_view name = "client_connected";
  static constexpr std::string_view about = "A socket is open.";
  static constexpr auto fields = std::tuple(field("user_agent", &ClientConnected::user_agent),
                                            field("gateway", &ClientConnected::gateway));
};

template <>
struct Contract<ClientDisconnected> : FirstConnection {
  static constexpr std::string_view name = "client_disconnected";
  static constexpr std::string_view about = "A socket is closed.";
  static constexpr auto fields = std::tuple(field("code", &ClientDisconnected::code),
                                            field("reason", &ClientDisconnected::reason));
};

template <>
struct Contract<AuthAccepted> : FirstConnection {
  static constexpr std::string_view name = "auth_accepted";
  static constexpr std::string_view about = "A token was accepted.";
  static constexpr auto fields = std::tuple();
};

template <>
struct Contract<AuthRefused> : FirstConnection {
  static constexpr std::string_view name = "auth_refused";
  static constexpr std::string_view about = "A token was refused.";
  static constexpr auto fields = std::tuple(field("code", &AuthRefused::code));
};

template <>
struct Contract<AuthRefreshed> : FirstConnection {
  static constexpr std::string_view name = "auth_refreshed";
  static constexpr std::string_view about = "A later token replaced the one before.";
  static constexpr auto fields = std::tuple(field("expires", &AuthRefreshed::expires));
};

template <>
struct Contract<AuthExpired> : FirstConnection {
  static constexpr std::string_view name = "auth_expired";
  static constexpr std::string_view about = "A token expired while its socket was open.";
  static constexpr auto fields = std::tuple();
};

template <>
struct Contract<GatewayStarted> : FirstConnection {
  static constexpr std::string_view name = "gateway_started";
  static constexpr std::string_view about = "Ends all earlier sockets of that gateway.";
  static constexpr auto fields =
      std::tuple(field("gateway", &GatewayStarted::gateway), field("boot", &GatewayStarted::boot));
};

}  // namespace signalbox::event_store
