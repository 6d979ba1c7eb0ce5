// rerun: a recorded run once more through today's code of its agent. Each step it takes is held
// against the recorded one and given the recorded result; no tool is called, nothing is written.
// Pure but for the agent, which by its contract is too.
#pragma once

#include <optional>
#include <string>

#include "replay/known_state.hpp"
#include "router/agents/agent.hpp"

namespace signalbox::replay {

struct RerunDifference {
  std::string where;  // `step 2: data.arguments/expression`, `agent_completed: data.content`
  std::string recorded;
  std::string now;
};

struct RerunReport {
  std::int32_t steps = 0;  // that were taken again and are the recorded ones
  // Where the record has no more to give: what is not known there, in words; none: the run was
  // taken to its end.
  std::optional<std::string> stopped{};
  std::optional<RerunDifference> difference{};  // the first one; nothing is compared behind it
};

[[nodiscard]] RerunReport rerun(const KnownRun& run, const UserId& user, router::Agent& agent);
[[nodiscard]] std::string rerun_text(const RerunReport& report);

}  // namespace signalbox::replay
