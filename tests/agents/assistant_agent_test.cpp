#include "router/agents/assistant_agent.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>

#include "tests/agents/continuation.hpp"
#include "tests/agents/fake_history.hpp"
#include "tests/agents/run_driver.hpp"

namespace signalbox::router {
namespace {

using signalbox::testing::FakeHistory;
using signalbox::testing::FixedClock;
using signalbox::testing::ManualExecutor;
using signalbox::testing::play_and_cut_everywhere;
using signalbox::testing::PlayedRun;
using signalbox::testing::test_call_id;
using signalbox::testing::test_context;

// A Friday.
const Timestamp kNow = *parse_timestamp("2026-11-20T09:30:00.000000Z");

class Assistant : public ::testing::Test {
 protected:
  Assistant() {
    history_.add_message("2026-11-02T18:40:00Z", "plans",
                         "A coffee machine would make a good present");
    history_.add_answer("2026-11-02T18:40:01Z", "plans", "I cannot answer that about coffee.");
    history_.add_message("2026-11-10T12:00:00Z", "garage", "My bicycle has a flat tyre again");
    history_.add_message("2026-11-18T07:15:00Z", "kitchen", "Order more COFFEE beans, please");
    // What is being answered is in the history already and must not find itself.
    add_own("What did I say about coffee? Or search for a bicycle, or a saxophone");
  }
  void add_own(const std::string& content) {
    history_.add_message("2026-11-20T09:29:59Z", "t1", content, test_context("t1").run_id);
  }

  PlayedRun ask(Agent& agent, const std::string& question) {
    return play_and_cut_everywhere(agent, {test_context("t1"), question, {}}, kNow);
  }
  PlayedRun ask(const std::string& question) { return ask(agent_, question); }

  ToolResult call(const std::string& tool, const std::string& arguments) {
    return call(agent_, tool, arguments);
  }
  static ToolResult call(Agent& agent, const std::string& tool, const std::string& arguments) {
    FixedClock clock(kNow);
    ManualExecutor executor(clock);
    std::optional<ToolResult> result;
    const auto context = test_context("t1");
    const auto execution = agent.find_tool(tool)->start(
        {context, test_call_id(context.run_id, 2), JsonText(arguments)}, clock, executor,
        [&](ToolResult done) { result = std::move(done); });
    EXPECT_FALSE(result) << "a result must not come inside start()";
    while (!result && executor.run_one()) {
    }
    return result.value();
  }

  FakeHistory history_{test_context("t1").user_id};
  AssistantAgent agent_{&history_};
};

std::string error_code(const ToolResult& result) {
  const auto* error = std::get_if<ToolError>(&result);
  return error == nullptr ? "no error" : error->code;
}

// The tool that was called, after a thought; empty where there was none.
std::string tool_of(const PlayedRun& played) {
  if (played.steps.empty()) return "";
  EXPECT_EQ(played.steps.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<ThinkStep>(played.steps.front().request));
  const auto* step = std::get_if<ToolStep>(&played.steps.back().request);
  return step == nullptr ? "no tool" : step->name;
}

void expect_answer(const nlohmann::json& expected, const std::string& answer) {
  const auto wanted = [&](const char* field) { return expected.value(field, ""); };
  if (expected.contains("answer")) {
    EXPECT_EQ(answer, wanted("answer"));
  } else if (expected.contains("answer_contains")) {
    EXPECT_NE(answer.find(wanted("answer_contains")), std::string::npos) << answer;
  } else {
    ASSERT_TRUE(expected.contains("answer_regex")) << "a case without an answer";
    EXPECT_TRUE(std::regex_search(answer, std::regex(wanted("answer_regex")))) << answer;
  }
}

TEST_F(Assistant, answers_every_case_and_may_be_cut_at_every_step) {
  std::ifstream lines(std::string(SIGNALBOX_SOURCE_DIR) + "/tests/agents/assistant_cases.jsonl");
  std::map<std::string, int> cases;
  int refused = 0;
  for (std::string line; std::getline(lines, line);) {
    SCOPED_TRACE(line);
    const auto expected = nlohmann::json::parse(line);
    const std::string tool = expected["tool"].is_null() ? "" : expected["tool"];
    const PlayedRun played = ask(expected["question"]);
    EXPECT_EQ(tool_of(played), tool);
    expect_answer(expected, played.answer.content);
    EXPECT_EQ(signalbox::testing::joined(played.pieces), played.answer.content);
    ++cases[tool];
    if (expected.value("answer_contains", "") == "I cannot answer that") ++refused;
  }
  for (const char* tool : {"calculator", "clock", "unit_conversion", "history_search", "text"})
    EXPECT_GE(cases[tool], 6) << tool;
  EXPECT_GE(refused, 10);
}

TEST_F(Assistant, every_tool_may_be_called_again) {
  for (const char* tool : {"calculator", "clock", "unit_conversion", "history_search", "text"}) {
    ASSERT_NE(agent_.find_tool(tool), nullptr) << tool;
    EXPECT_EQ(agent_.find_tool(tool)->on_unknown(), OnUnknown::retry) << tool;
  }
  EXPECT_EQ(agent_.find_tool("shell"), nullptr);
}

TEST_F(Assistant, bad_arguments_are_an_error_result) {
  for (const char* tool : {"calculator", "clock", "unit_conversion", "history_search", "text"})
    for (const char* arguments : {"{}", "[]", "7", R"({"operation":1,"expression":[],"text":{}})",
                                  R"({"operation":"fly","text":""})"})
      EXPECT_EQ(error_code(call(tool, arguments)), "bad_arguments") << tool << " " << arguments;
  EXPECT_EQ(error_code(call("text", R"({"operation":"fly","text":"high"})")), "bad_arguments");
  EXPECT_EQ(error_code(call("clock", R"({"operation":"weekday","date":"2026-02-30"})")),
            "bad_arguments");
  EXPECT_EQ(
      error_code(call("clock", R"({"operation":"shift","from":"now","amount":1.5,"unit":"day"})")),
      "bad_arguments");
  EXPECT_EQ(error_code(call("unit_conversion", R"({"value":"x","from":"km","to":"m"})")),
            "bad_arguments");
}

TEST_F(Assistant, a_tool_that_is_left_says_nothing) {
  FixedClock clock(kNow);
  ManualExecutor executor(clock);
  const auto context = test_context("t1");
  for (const char* tool : {"calculator", "history_search"}) {
    auto execution = agent_.find_tool(tool)->start(
        {context, test_call_id(context.run_id, 2), JsonText(R"({"text":"a","expression":"1"})")},
        clock, executor, [](ToolResult) { FAIL(); });
    execution.reset();
  }
  while (executor.run_one()) {
  }
}

TEST_F(Assistant, a_search_goes_through_all_pages) {
  history_.set_page_events_max(1);
  EXPECT_NE(ask("search for present").answer.content.find("machine"), std::string::npos);
  EXPECT_GE(history_.reads(), 5);
}

TEST_F(Assistant, a_search_finds_what_came_before_its_message_and_not_what_came_after) {
  history_.add_message("2026-11-20T09:31:00Z", "t9", "a needle, later");
  EXPECT_NE(ask("search for needle").answer.content.find("found nothing"), std::string::npos);
}

// Said at once after another message, it found nothing: the archive did not hold that one yet.
TEST_F(Assistant, a_search_waits_until_the_archive_has_come_as_far_as_its_message) {
  history_.lag(2, 3);
  const auto result = nlohmann::json::parse(
      std::get<JsonText>(call("history_search", R"({"text":"beans"})")).value());
  EXPECT_EQ(result["matches"].size(), 1u);
  EXPECT_EQ(result["complete"], true);
  EXPECT_EQ(history_.reads(), 4);
}

TEST_F(Assistant, a_search_in_an_archive_that_stays_behind_is_unavailable) {
  history_.lag(1, 1'000'000);
  EXPECT_EQ(error_code(call("history_search", R"({"text":"coffee"})")), "unavailable");
  EXPECT_GT(history_.reads(), 10);
}

TEST_F(Assistant, a_search_stops_at_five_matches_and_says_so) {
  for (int i = 0; i < 6; ++i) history_.add_message("2026-11-19T08:00:00Z", "t9", "needle");
  add_own("search for needle");
  const auto result = nlohmann::json::parse(
      std::get<JsonText>(call("history_search", R"({"text":"NEEDLE"})")).value());
  EXPECT_EQ(result["matches"].size(), 5u);
  EXPECT_EQ(result["complete"], false);
  const std::string answer = ask("search for needle").answer.content;
  EXPECT_NE(answer.find("There may be older ones."), std::string::npos);
}

TEST_F(Assistant, without_an_archive_the_search_is_unavailable) {
  AssistantAgent agent(nullptr);
  EXPECT_EQ(error_code(call(agent, "history_search", R"({"text":"coffee"})")), "unavailable");
  EXPECT_NE(ask(agent, "search for coffee").answer.content.find("there is no archive"),
            std::string::npos);
}

TEST_F(Assistant, an_archive_that_fails_is_unavailable) {
  history_.fail_with({Errc::unavailable, "the event store does not answer"});
  EXPECT_EQ(error_code(call("history_search", R"({"text":"coffee"})")), "unavailable");
}

TEST_F(Assistant, takes_the_longest_message_in_its_stride) {
  const std::string brackets(32'768, '(');
  const std::string minuses = "calculate " + std::string(32'000, '-') + "1";
  const std::string powers = [] {
    std::string text = "calculate 1";
    while (text.size() < 32'000) text += "^1";
    return text;
  }();
  EXPECT_EQ(tool_of(ask(brackets)), "");
  EXPECT_NE(ask("calculate " + brackets).answer.content.find("nested too deeply"),
            std::string::npos);
  EXPECT_NE(ask(powers).answer.content.find("nested too deeply"), std::string::npos);
  EXPECT_NE(ask(minuses).answer.content.find(" = 1"), std::string::npos);
  const std::string words(32'000, 'a');
  EXPECT_EQ(ask("uppercase " + words).answer.content, std::string(32'000, 'A'));
  EXPECT_EQ(tool_of(ask(words)), "");
}

TEST_F(Assistant, a_run_that_goes_on_later_keeps_the_time_it_asked_for) {
  FixedClock clock(kNow);
  ManualExecutor executor(clock);
  const AgentRun::Input input{test_context("t1"), "What time is it?", {}};
  signalbox::testing::RunDriver first(agent_, input, clock, executor);
  ASSERT_TRUE(first.run());
  FixedClock later(kNow + std::chrono::hours(5));
  ManualExecutor other_executor(later);
  signalbox::testing::RunDriver second(agent_, input, later, other_executor);
  second.replay(first.steps());
  ASSERT_TRUE(second.run());
  EXPECT_EQ(second.answer()->content, first.answer()->content);
}

}  // namespace
}  // namespace signalbox::router
