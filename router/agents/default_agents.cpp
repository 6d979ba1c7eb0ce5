#include "router/agents/default_agents.hpp"

#include <memory>
#include <utility>

#include "router/agents/assistant_agent.hpp"
#include "router/agents/playbook_agent.hpp"

namespace signalbox::router {

Result<AgentRegistry> make_default_agents(const DefaultAgentsOptions& options) {
  AgentRegistry agents;
  agents.add(std::make_unique<AssistantAgent>(options.history));
  if (!options.playbook) return agents;
  auto playbook = Playbook::load(*options.playbook);
  if (!playbook) return tl::unexpected(playbook.error());
  agents.add(std::make_unique<PlaybookAgent>(std::move(*playbook), options.playbook_latency_scale));
  return agents;
}

}  // namespace signalbox::router
