#include "ops/cli/own_agents.hpp"

#include <algorithm>

namespace signalbox::cli {

Result<router::AgentRegistry> make_agents(const router::DefaultAgentsOptions& options,
                                          const AddAgents& add_agents) {
  auto agents = router::make_default_agents(options);
  if (!agents || !add_agents) return agents;
  add_agents(*agents);
  std::vector<std::string> names = agents->names();
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return agents;
  return failure(Errc::bad_config,
                 "two agents are called '" + *twice + "'; give the one of your own another name()");
}

std::vector<std::string> names_of(const AddAgents& add_agents) {
  router::AgentRegistry agents;
  if (add_agents) add_agents(agents);
  return agents.names();
}

}  // namespace signalbox::cli
