// The agents that a router has of itself: `assistant`, and `playbook` where it was given a file of
// recorded dialogues.
#pragma once

#include <filesystem>
#include <optional>

#include "event-store/archive/user_history.hpp"
#include "event-store/model/result.hpp"
#include "router/agents/agent.hpp"

namespace signalbox::router {

struct DefaultAgentsOptions {
  // JSON Lines, plain or gzip (Playbook). Without it there is no agent `playbook`.
  std::optional<std::filesystem::path> playbook{};
  // What the assistant searches; outlives the agents. Null: its search says that it is unavailable.
  event_store::UserHistory* history = nullptr;
  // Times the 1 to 8 ms that a tool of the playbook takes; 0 or more.
  double playbook_latency_scale = 1.0;
};

// For start-up. Errors: those of Playbook::load.
[[nodiscard]] Result<AgentRegistry> make_default_agents(const DefaultAgentsOptions& options);

}  // namespace signalbox::router
