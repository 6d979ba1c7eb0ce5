#include "router/agents/playbook_agent.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "tests/agents/continuation.hpp"
#include "tests/agents/run_driver.hpp"

namespace signalbox::router {
namespace {

using signalbox::testing::FixedClock;
using signalbox::testing::ManualExecutor;
using signalbox::testing::play_and_cut_everywhere;
using signalbox::testing::PlayedRun;
using signalbox::testing::RunDriver;
using signalbox::testing::test_call_id;
using signalbox::testing::test_context;

constexpr Timestamp kStart{std::chrono::seconds(1'800'000'000)};
constexpr const char* kSample = "/tests/agents/data/conversations_sample.jsonl";
constexpr const char* kAll = "/tests/data/conversations.jsonl.gz";

std::unique_ptr<PlaybookAgent> make_agent(const char* file, double latency_scale = 1.0) {
  auto book = Playbook::load(std::string(SIGNALBOX_SOURCE_DIR) + file);
  if (!book) throw std::runtime_error(book.error().message);
  return std::make_unique<PlaybookAgent>(std::move(*book), latency_scale);
}

PlayedRun say(Agent& agent, const std::string& thread, const std::string& words,
              std::optional<std::string> memory) {
  return play_and_cut_everywhere(agent, {test_context(thread), words, std::move(memory)}, kStart);
}

void expect_turn(const PlaybookAgent& agent, const Playbook::Turn& turn, const PlayedRun& played) {
  EXPECT_EQ(played.answer.content, turn.assistant);
  EXPECT_EQ(signalbox::testing::joined(played.pieces), turn.assistant);
  ASSERT_EQ(played.steps.size(), turn.calls.size() + 1);
  EXPECT_TRUE(std::holds_alternative<ThinkStep>(played.steps[0].request));
  for (std::size_t i = 0; i < turn.calls.size(); ++i) {
    const auto& step = std::get<ToolStep>(played.steps[i + 1].request);
    EXPECT_EQ(step.name, agent.playbook().tool_names()[turn.calls[i].tool]);
    EXPECT_EQ(step.arguments, turn.calls[i].arguments);
    EXPECT_EQ(std::get<ToolResult>(played.steps[i + 1].result), ToolResult(turn.calls[i].result));
  }
}

void play_all(PlaybookAgent& agent) {
  for (const auto& dialogue : agent.playbook().dialogues()) {
    std::optional<std::string> memory;
    for (const auto& turn : dialogue.turns) {
      const PlayedRun played = say(agent, dialogue.id, turn.user, memory);
      expect_turn(agent, turn, played);
      ASSERT_TRUE(played.answer.memory);
      ASSERT_LE(played.answer.memory->size(), kMemoryBytesMax);
      memory = played.answer.memory;
    }
  }
  EXPECT_EQ(agent.cues().size(), 0u);
}

TEST(PlaybookAgent, plays_the_sample_cut_at_every_step) { play_all(*make_agent(kSample)); }
TEST(PlaybookAgent, plays_all_3000_dialogues_cut_at_every_step) { play_all(*make_agent(kAll)); }

TEST(PlaybookAgent, a_thread_with_another_id_plays_the_first_dialogue_with_the_same_opening) {
  const auto agent = make_agent(kSample);
  const auto& first = agent->playbook().find_opening("can i get a mocha please")->turns[0];
  const PlayedRun played = say(*agent, "my thread", "  can I get a MOCHA please!! ", {});
  expect_turn(*agent, first, played);
}

TEST(PlaybookAgent, a_conversation_id_wins_over_the_opening) {
  const auto agent = make_agent(kSample);
  const auto* first = agent->playbook().find_opening("can i get a mocha please");
  const Playbook::Dialogue* second = nullptr;
  for (const auto& dialogue : agent->playbook().dialogues())
    if (&dialogue != first && words_of(dialogue.turns[0].user) == "can i get a mocha please")
      second = &dialogue;
  ASSERT_NE(second, nullptr) << "the sample holds two dialogues with this opening";
  const PlayedRun played = say(*agent, second->id, "can i get a mocha please", {});
  EXPECT_EQ(played.answer.content, second->turns[0].assistant);
  EXPECT_NE(played.answer.content, first->turns[0].assistant);
}

TEST(PlaybookAgent, an_unknown_opening_gets_an_honest_answer) {
  const auto agent = make_agent(kSample);
  const PlayedRun played = say(*agent, "my thread", "Tell me a joke", {});
  EXPECT_TRUE(played.steps.empty());
  EXPECT_NE(played.answer.content.find("none of them opens with these words"), std::string::npos);
  EXPECT_FALSE(played.answer.memory);
}

TEST(PlaybookAgent, a_departure_says_what_was_expected_and_the_dialogue_can_go_on) {
  const auto agent = make_agent(kSample);
  const auto& dialogue = agent->playbook().dialogues().at(1);
  ASSERT_GE(dialogue.turns.size(), 2u);
  const PlayedRun first = say(*agent, dialogue.id, dialogue.turns[0].user, {});
  const PlayedRun strayed = say(*agent, dialogue.id, "What is the weather?", first.answer.memory);
  EXPECT_TRUE(strayed.steps.empty());
  EXPECT_NE(strayed.answer.content.find('"' + dialogue.turns[1].user + '"'), std::string::npos);
  EXPECT_EQ(strayed.answer.memory, first.answer.memory);
  const PlayedRun second = say(*agent, dialogue.id, dialogue.turns[1].user, strayed.answer.memory);
  EXPECT_EQ(second.answer.content, dialogue.turns[1].assistant);
}

// All of its tools had missed their deadline, and it answered as if they had not.
TEST(PlaybookAgent, a_tool_without_a_result_is_named_and_the_turn_can_be_said_again) {
  const auto agent = make_agent(kSample);
  const auto* dialogue = agent->playbook().find_opening("can i get a mocha please");
  const Playbook::Turn& turn = dialogue->turns.at(0);
  ASSERT_FALSE(turn.calls.empty());
  const std::string& tool = agent->playbook().tool_names()[turn.calls[0].tool];
  const AgentRun::Input input{test_context(dialogue->id), turn.user, {}};
  for (const char* code : {"deadline", "outcome_unknown"}) {
    FixedClock clock(kStart);
    ManualExecutor executor(clock);
    RunDriver before(*agent, input, clock, executor);
    ASSERT_FALSE(before.run(1));
    std::vector<signalbox::testing::RecordedStep> steps = before.steps();
    steps.push_back({ToolStep{tool, turn.calls[0].arguments}, ToolResult(ToolError{code, "why"})});
    RunDriver driver(*agent, input, clock, executor);
    driver.replay(steps);
    ASSERT_TRUE(driver.run());
    ASSERT_TRUE(driver.answer());
    EXPECT_EQ(driver.steps().size(), 2u) << "no further tool is called";
    EXPECT_NE(driver.answer()->content.find(tool + ", and there is none: " + code),
              std::string::npos)
        << driver.answer()->content;
    const PlayedRun again = say(*agent, dialogue->id, turn.user, driver.answer()->memory);
    EXPECT_EQ(again.answer.content, turn.assistant);
  }
}

TEST(PlaybookAgent, a_finished_dialogue_says_that_it_is_over) {
  const auto agent = make_agent(kSample);
  const auto& dialogue = agent->playbook().dialogues().front();
  const std::string memory =
      "playbook " + std::to_string(dialogue.turns.size()) + " " + dialogue.id;
  const PlayedRun played = say(*agent, dialogue.id, dialogue.turns[0].user, memory);
  EXPECT_TRUE(played.steps.empty());
  EXPECT_NE(played.answer.content.find("is over"), std::string::npos);
  EXPECT_EQ(played.answer.memory, memory);
}

TEST(PlaybookAgent, memory_of_a_dialogue_it_does_not_have_is_said_and_kept) {
  const auto agent = make_agent(kSample);
  const PlayedRun played = say(*agent, "my thread", "yes", "playbook 1 dlg-gone");
  EXPECT_NE(played.answer.content.find("dlg-gone"), std::string::npos);
  EXPECT_EQ(played.answer.memory, "playbook 1 dlg-gone");
}

TEST(PlaybookAgent, memory_that_another_agent_left_means_a_fresh_start) {
  const auto agent = make_agent(kSample);
  const auto& dialogue = agent->playbook().dialogues().front();
  for (const char* memory : {"17", "playbook x", "playbook 1", ""})
    EXPECT_EQ(say(*agent, dialogue.id, dialogue.turns[0].user, memory).answer.content,
              dialogue.turns[0].assistant);
}

TEST(PlaybookAgent, its_tools_take_their_time_by_call_id_and_stop_when_left) {
  const auto agent = make_agent(kSample);
  EXPECT_EQ(agent->find_tool("no_such_tool"), nullptr);
  Tool* tool = agent->find_tool("get_menu_items");
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->on_unknown(), OnUnknown::retry);
  std::set<std::int64_t> latencies;
  for (int number = 0; number < 200; ++number) {
    FixedClock clock(kStart);
    ManualExecutor executor(clock);
    const auto context = test_context("t", number * 331);
    bool done = false;
    const auto execution = tool->start({context, CallId(context.run_id.value()), JsonText("{}")},
                                       clock, executor, [&](ToolResult) { done = true; });
    EXPECT_FALSE(done);
    EXPECT_TRUE(executor.run_one());
    EXPECT_TRUE(done);
    latencies.insert(clock.monotonic().time_since_epoch().count());
  }
  EXPECT_GE(*latencies.begin(), 1'000'000);
  EXPECT_LE(*latencies.rbegin(), 8'000'000);
  EXPECT_GT(latencies.size(), 100u);

  FixedClock clock(kStart);
  ManualExecutor executor(clock);
  const auto context = test_context("t");
  tool->start({context, test_call_id(context.run_id, 2), JsonText("{}")}, clock, executor,
              [](ToolResult) { FAIL(); })
      .reset();
  EXPECT_EQ(executor.pending(), 0u);
}

TEST(PlaybookAgent, two_lives_of_a_run_do_not_take_each_others_place) {
  const auto agent = make_agent(kSample);
  const auto& dialogue = agent->playbook().dialogues().front();
  const AgentRun::Input input{test_context(dialogue.id), dialogue.turns[0].user, {}};
  FixedClock clock(kStart);
  ManualExecutor executor(clock);
  auto old_life = std::make_unique<RunDriver>(*agent, input, clock, executor);
  old_life->run(2);
  RunDriver new_life(*agent, input, clock, executor);
  new_life.replay(old_life->steps());
  new_life.run(2);
  EXPECT_EQ(agent->cues().size(), 1u);
  old_life.reset();
  EXPECT_EQ(agent->cues().size(), 1u);
  ASSERT_TRUE(new_life.run());
  EXPECT_EQ(new_life.answer()->content, dialogue.turns[0].assistant);
  EXPECT_EQ(agent->cues().size(), 0u);
}

TEST(PlaybookAgent, a_call_that_no_run_announced_is_an_error_result) {
  const auto agent = make_agent(kSample);
  FixedClock clock(kStart);
  ManualExecutor executor(clock);
  std::optional<ToolResult> result;
  const auto context = test_context("t");
  const auto execution =
      agent->find_tool("finish_order")
          ->start({context, test_call_id(context.run_id, 1), JsonText("{}")}, clock, executor,
                  [&](ToolResult done) { result = std::move(done); });
  executor.run_one();
  ASSERT_TRUE(result);
  EXPECT_EQ(std::get<ToolError>(*result).code, "not_found");
}

}  // namespace
}  // namespace signalbox::router
