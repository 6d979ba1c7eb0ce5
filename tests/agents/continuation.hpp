// Whether a run may be cut anywhere: each prefix of its steps, fed to a fresh coroutine, must lead
// to the same steps and the same end.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/agents/run_driver.hpp"

namespace signalbox::testing {

// Plays the run whole, then once more for every step at which it could be cut, with the step in
// flight begun and lost. Returns the driver's record of the whole run.
struct PlayedRun {
  router::AgentAnswer answer;
  std::vector<RecordedStep> steps;
  std::vector<std::string> pieces;
};

inline PlayedRun play_and_cut_everywhere(router::Agent& agent, const router::AgentRun::Input& input,
                                         Timestamp start) {
  FixedClock clock(start);
  ManualExecutor executor(clock);
  RunDriver whole(agent, input, clock, executor);
  if (!whole.run() || !whole.answer()) {
    ADD_FAILURE() << "the run has no end: " << input.content;
    return {};
  }
  for (std::size_t cut = 0; cut <= whole.steps().size(); ++cut) {
    FixedClock later(start);
    ManualExecutor other_executor(later);
    RunDriver first(agent, input, later, other_executor);
    first.run(cut);
    RunDriver second(agent, input, later, other_executor);
    second.replay(first.steps());
    EXPECT_TRUE(second.run()) << input.content << ", cut after step " << cut;
    EXPECT_FALSE(second.diverged());
    EXPECT_EQ(to_text(second.steps()), to_text(whole.steps())) << "cut after step " << cut;
    if (!second.answer()) continue;
    EXPECT_EQ(second.answer()->content, whole.answer()->content);
    EXPECT_EQ(second.answer()->memory, whole.answer()->memory);
    EXPECT_EQ(second.pieces(), whole.pieces());
  }
  return {*whole.answer(), whole.steps(), whole.pieces()};
}

inline std::string joined(const std::vector<std::string>& pieces) {
  std::string whole;
  for (const auto& piece : pieces) whole += piece;
  return whole;
}

}  // namespace signalbox::testing
