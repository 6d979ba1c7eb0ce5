// Agents of one's own: how a program that embeds signalbox adds them to the default ones.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "event-store/model/result.hpp"
#include "router/agents/agent.hpp"
#include "router/agents/default_agents.hpp"

namespace signalbox::cli {

// Adds new objects each time it is called: for the service, and for `replay rerun`. Empty: none.
using AddAgents = std::function<void(router::AgentRegistry&)>;

// The default agents, then those. Errors: those of make_default_agents; bad_config where two have
// one name.
[[nodiscard]] Result<router::AgentRegistry> make_agents(const router::DefaultAgentsOptions& options,
                                                        const AddAgents& add_agents);

// How those are called.
[[nodiscard]] std::vector<std::string> names_of(const AddAgents& add_agents);

}  // namespace signalbox::cli
