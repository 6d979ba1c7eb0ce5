// AssistantAgent: answers without a model. It understands a fixed range of questions (Skill), calls
// one tool and puts the result into words; to everything else it says that it cannot answer.
// Lives as long as the router that owns it; any thread may start runs and tools.
#pragma once

#include <vector>

#include "router/agents/agent.hpp"
#include "router/agents/assistant/skill.hpp"

namespace signalbox::router {

class AssistantAgent : public Agent {
 public:
  // `history` is what history_search reads; null: the tool says that it is unavailable.
  explicit AssistantAgent(event_store::UserHistory* history);

  [[nodiscard]] std::string_view name() const override { return "assistant"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] Tool* find_tool(std::string_view tool_name) override;
  [[nodiscard]] AgentTask start(AgentRun& run) override;

 private:
  std::vector<Skill> skills_;  // asked in this order
};

}  // namespace signalbox::router
