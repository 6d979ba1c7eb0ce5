#include "ops/examples/dice_agent.hpp"

#include <gtest/gtest.h>

#include "event-store/model/timestamp.hpp"
#include "tests/agents/continuation.hpp"

namespace dice {
namespace {

using namespace signalbox;
using namespace signalbox::testing;

PlayedRun played(const std::string& content, std::optional<std::string> memory = {}) {
  DiceAgent agent([] { return 4; });
  return play_and_cut_everywhere(
      agent, {.context = test_context("t-1"), .content = content, .memory = std::move(memory)},
      *parse_timestamp("2026-11-21T09:30:00Z"));
}

TEST(DiceAgent, ThrowsAsManyDiceAsItIsAskedForWhereverItIsCut) {
  const PlayedRun run = played("please throw 3 dice");
  EXPECT_EQ(run.answer.content, "4 + 4 + 4 = 12");
  EXPECT_EQ(run.answer.memory, "4 + 4 + 4 = 12");
  EXPECT_EQ(run.steps.size(), 2u);
  EXPECT_EQ(joined(run.pieces), "4 + 4 + 4 = 12");
}

TEST(DiceAgent, ThrowsTwoWhereNoNumberIsNamedAndRemembersTheThrowBefore) {
  EXPECT_EQ(played("throw!", "1 + 2 = 3").answer.content,
            "4 + 4 = 8; the throw before was 1 + 2 = 3");
}

TEST(DiceAgent, SaysWhatItsToolRefuses) {
  for (const char* const content : {"throw 0 dice", "throw 101 dice"})
    EXPECT_EQ(played(content).answer.content, "I cannot throw them: there are 1 to 100 dice.");
}

}  // namespace
}  // namespace dice
