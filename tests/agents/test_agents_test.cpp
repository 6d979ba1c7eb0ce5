#include "tests/agents/test_agents.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "router/agents/input_schema.hpp"
#include "tests/agents/run_driver.hpp"

namespace signalbox::testing {
namespace {

class TestAgents : public ::testing::Test {
 protected:
  RunDriver make_driver(router::Agent& agent, std::string content,
                        std::optional<std::string> memory = std::nullopt) {
    return {agent, {test_context("t1"), std::move(content), std::move(memory)}, clock_, executor_};
  }

  FixedClock clock_{Timestamp{std::chrono::seconds(1'800'000'000)}};
  ManualExecutor executor_{clock_};
};

TEST_F(TestAgents, echo_thinks_answers_in_pieces_and_counts) {
  EchoAgent agent;
  auto driver = make_driver(agent, "grüße an alle", "4");
  ASSERT_TRUE(driver.run());
  EXPECT_EQ(driver.answer()->content, "grüße an alle");
  EXPECT_EQ(driver.answer()->memory, "5");
  EXPECT_EQ(to_text(driver.steps()), (std::vector<std::string>{"think echo -> done"}));
  std::string whole;
  for (const auto& piece : driver.pieces()) whole += piece;
  EXPECT_EQ(whole, "grüße an alle");
  EXPECT_GT(driver.pieces().size(), 1u);
}

TEST_F(TestAgents, ask_waits_for_the_person) {
  AskAgent agent;
  auto driver = make_driver(agent, "please");
  EXPECT_FALSE(driver.run());
  EXPECT_TRUE(driver.steps().empty());
  driver.answer_next_ask(JsonText(R"({"confirmed":true})"));
  ASSERT_TRUE(driver.run());
  EXPECT_EQ(driver.answer()->content, "Confirmed.");
  const auto& ask = std::get<router::AskStep>(driver.steps().at(0).request);
  EXPECT_TRUE(router::check_input(ask.schema, JsonText(R"({"confirmed":false})")));
  EXPECT_FALSE(router::check_input(ask.schema, JsonText(R"({"confirmed":"yes"})")));
}

TEST_F(TestAgents, crash_fails_without_answer) {
  CrashAgent agent;
  auto driver = make_driver(agent, "x");
  ASSERT_TRUE(driver.run());
  EXPECT_FALSE(driver.answer());
  EXPECT_THROW(std::rethrow_exception(driver.failure()), std::runtime_error);
}

TEST_F(TestAgents, slow_takes_its_time_and_notices_when_it_is_left) {
  const auto calls = std::make_shared<SlowToolCalls>();
  SlowToolAgent agent(std::chrono::seconds(20), router::OnUnknown::retry, calls);
  auto driver = make_driver(agent, "x");
  ASSERT_TRUE(driver.run());
  EXPECT_EQ(driver.answer()->content, "done");
  EXPECT_EQ(clock_.monotonic().time_since_epoch(), std::chrono::seconds(20));
  EXPECT_EQ(calls->finished, 1);

  auto execution = agent.find_tool("slow")->start(
      {test_context("t1"), test_call_id(test_context("t1").run_id, 2), JsonText("{}")}, clock_,
      executor_, [](router::ToolResult) { FAIL(); });
  execution.reset();
  EXPECT_EQ(executor_.pending(), 0u);
  EXPECT_EQ(calls->abandoned, 1);
}

TEST_F(TestAgents, huge_is_larger_than_an_event) {
  HugeAnswerAgent agent;
  auto driver = make_driver(agent, "x");
  ASSERT_TRUE(driver.run());
  EXPECT_EQ(driver.answer()->content.size(), kHugeBytes);
  auto with_tool = make_driver(agent, "tool");
  ASSERT_TRUE(with_tool.run());
  EXPECT_EQ(with_tool.answer()->content, "done");
}

TEST_F(TestAgents, diverging_takes_another_step_after_a_restart) {
  DivergingAgent agent;
  DivergingAgent::take_other_way = false;
  auto first = make_driver(agent, "x");
  EXPECT_FALSE(first.run());
  auto same = make_driver(agent, "x");
  same.replay(first.steps());
  EXPECT_FALSE(same.run());
  EXPECT_FALSE(same.diverged());
  DivergingAgent::take_other_way = true;
  auto other = make_driver(agent, "x");
  other.replay(first.steps());
  EXPECT_FALSE(other.run());
  EXPECT_TRUE(other.diverged());
  DivergingAgent::take_other_way = false;
}

}  // namespace
}  // namespace signalbox::testing
