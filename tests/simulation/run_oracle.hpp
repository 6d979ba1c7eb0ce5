// RunOracle: what each run of one user must come to by what its agent does (tests/agents/
// test_agents.hpp, tests/router/counting_agent.hpp), told from the user's valid events in their
// order: its steps, its answer, its memory, and whether it may end so. A value; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event-store/model/event.hpp"

namespace signalbox::simulation {

// How the routers were set up, and whether times tell anything.
struct RunRules {
  std::int32_t tries_max = 1000;  // resumptions of a run without a step between them
  bool clock_jumped = false;
};

class RunOracle {
 public:
  explicit RunOracle(const RunRules& rules) : rules_(rules) {}

  // The user's next event. What is wrong with it, as a sentence; empty where nothing is.
  [[nodiscard]] std::string take(const Event& event);

 private:
  struct Run {
    std::string agent;
    std::string content;
    ThreadId thread;
    bool started = false;
    bool cancelled = false;           // asked for
    Timestamp expires{};              // its question
    std::optional<bool> confirmed{};  // what the answer to that was
    std::int32_t lost = 0;            // owners, since its last step
    std::vector<std::string> steps{};
    std::optional<CallId> open_call{};
  };

  [[nodiscard]] std::string take_step(Run& run, const Event& event);
  [[nodiscard]] std::string take_started(Run& run, const RunId& id, const AgentStarted& started);
  [[nodiscard]] std::string take_call(Run& run, const ToolExecuting& call);
  [[nodiscard]] std::string take_end(const Run& run, const Event& event);
  [[nodiscard]] std::string check_answer(const Run& run, const AgentCompleted& completed);
  [[nodiscard]] std::string check_failure(const Run& run, const AgentFailed& failed,
                                          Timestamp time) const;

  RunRules rules_;
  std::map<RunId, Run> open_;
  std::map<ThreadId, RunId> running_;     // of each thread at most one
  std::map<ThreadId, int> runs_of_echo_;  // answered in the thread: its memory
};

}  // namespace signalbox::simulation
