#include "replay/audit/run_tree.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/audit/state_difference.hpp"

namespace signalbox::replay {
namespace {

using Json = nlohmann::json;

const RunId kRun(*Uuid::parse("00000000-0000-4000-8000-000000000001"));
const CallId kCall(*Uuid::parse("00000000-0000-4000-8000-000000000002"));
const LogId kLog(*Uuid::parse("0192f5a0-7c3e-7d11-9b0a-3f6d2e8c4b15"));

class RecordedRun {
 public:
  // The next event, so many milliseconds after the one before.
  void add(int milliseconds, EventData data) {
    time_ += std::chrono::milliseconds(milliseconds);
    NewRecord made =
        event_store::encode_event({.id = EventId(Uuid{}),
                                   .source = "/test",
                                   .time = time_,
                                   .user_id = UserId("anna"),
                                   .thread_id = ThreadId("t"),
                                   .run_id = kRun,
                                   .attempt = Attempt(1),
                                   .websocket_client_id = WebsocketClientId("ws_test"),
                                   .seq = Seq(static_cast<std::int64_t>(events_.size()) + 1),
                                   .inbound_offset = Offset(1),
                                   .epoch = Epoch(1),
                                   .owner_seq = OwnerSeq(1),
                                   .causation_id = "command",
                                   .traceparent = std::nullopt,
                                   .data = std::move(data)});
    events_.push_back(std::make_shared<const Record>(Record{.at = {Topic::events, Partition(0)},
                                                            .offset = Offset(1),
                                                            .appended_at = time_,
                                                            .key = "anna",
                                                            .headers = std::move(made.headers),
                                                            .value = std::move(made.value)}));
  }
  [[nodiscard]] Json tree() const { return Json::parse(run_tree(events_)); }

 private:
  Timestamp time_ = *parse_timestamp("2026-11-20T09:30:00Z");
  std::vector<RecordPtr> events_;
};

// `message_received(agent_started(...))` with durations, which is easier to compare.
std::string shape_of(const Json& node) {
  std::string text = node["type"];
  if (node.contains("duration_ms")) text += " " + node["duration_ms"].dump();
  for (const Json& child : node["children"]) text += " (" + shape_of(child) + ")";
  return text;
}

TEST(RunTree, HangsEveryEventBelowWhatItCameFrom) {
  RecordedRun run;
  run.add(0, MessageReceived{MessageId("m"), "hello", "assistant"});
  run.add(5, AgentStarted{"assistant", "1", MessageId("m")});
  run.add(1, AgentThinking{Step(1), "hm"});
  run.add(1, ToolExecuting{Step(2), kCall, "clock", JsonText("{}")});
  run.add(1, RunResumed{ResumeReason::owner_lost});
  run.add(1, ToolExecuting{Step(2), kCall, "clock", JsonText("{}")});
  run.add(40, ToolCompleted{Step(2), kCall, "clock", JsonText("1"), std::nullopt});
  run.add(1, InputRequested{Step(3), RequestId("q"), "sure?", JsonText("{}"), Timestamp()});
  run.add(500, RunInputReceived{kRun, RequestId("q"), JsonText("true")});
  run.add(1, AgentCompleted{"done", std::nullopt});
  EXPECT_EQ(shape_of(run.tree()),
            "message_received (agent_started 546 (agent_thinking) (tool_executing 42"
            " (tool_executing) (tool_completed)) (run_resumed) (input_requested 500"
            " (run_input_received)) (agent_completed))");
  const Json root = run.tree();
  EXPECT_EQ(root["seq"], 1);
  EXPECT_EQ(root["data"]["content"], "hello");
  EXPECT_EQ(root["title"], "m: hello");
  EXPECT_EQ(root["time"], "2026-11-20T09:30:00.000000Z");
}

TEST(RunTree, OfARunThatWasCancelledInTheQueueNeedsNoAgent) {
  RecordedRun run;
  run.add(0, MessageReceived{MessageId("m"), "hello", "assistant"});
  run.add(5, CancelRequested{kRun, "anna"});
  run.add(1, AgentCancelled{"cancelled", "anna"});
  EXPECT_EQ(shape_of(run.tree()), "message_received (cancel_requested (agent_cancelled))");
}

TEST(RunTree, OfARunThatGoesOnHasNoDurationYet) {
  RecordedRun run;
  run.add(0, MessageReceived{MessageId("m"), "hello", "assistant"});
  run.add(5, AgentStarted{"assistant", "1", MessageId("m")});
  run.add(1, ToolExecuting{Step(1), kCall, "clock", JsonText("{}")});
  EXPECT_EQ(shape_of(run.tree()), "message_received (agent_started (tool_executing))");
}

TEST(MillisecondsBetween, AreNoneWhereTimeGoesBackOrIsNone) {
  EXPECT_EQ(milliseconds_between("2026-11-20T09:30:00Z", "2026-11-20T09:30:01.2344Z"), 1234);
  EXPECT_EQ(milliseconds_between("2026-11-20T09:30:01Z", "2026-11-20T09:30:00Z"), std::nullopt);
  EXPECT_EQ(milliseconds_between("", "2026-11-20T09:30:00Z"), std::nullopt);
}

class Difference : public testing::Test {
 protected:
  KnownRun& add(KnownState& state) {
    KnownRun run{.run_id = kRun,
                 .thread_id = ThreadId("t"),
                 .message_id = MessageId("m"),
                 .agent = "assistant",
                 .content = "hello",
                 .websocket_client_id = WebsocketClientId("ws_test"),
                 .received = Seq(1),
                 .received_at = Timestamp()};
    state.threads[ThreadId("t")].push_back(kRun);
    return state.runs.emplace(kRun, std::move(run)).first->second;
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const Json& one : Json::parse(state_differences(before_, after_)))
      all.push_back(one["path"].get<std::string>() + ": " + one["before"].dump() + " -> " +
                    one["after"].dump());
    return all;
  }
  const std::string run_ = "runs." + kRun.value().to_string();
  KnownState before_{kLog, UserId("anna")};
  KnownState after_{kLog, UserId("anna")};
};

TEST_F(Difference, OfTheSameIsNone) {
  add(before_);
  add(after_);
  EXPECT_TRUE(paths().empty());
}

TEST_F(Difference, NamesEachMemberThatChanged) {
  add(before_).steps = {{.step = Step(1), .kind = "thought", .text = "hm"},
                        {.step = Step(2), .kind = "tool", .name = "clock"}};
  KnownRun& run = add(after_);
  run.steps = before_.runs.at(kRun).steps;
  run.steps[1].output = JsonText("[7]");
  run.steps.push_back({.step = Step(3), .kind = "thought"});
  run.status = "running";
  EXPECT_EQ(paths(),
            (std::vector<std::string>{run_ + ".status: \"queued\" -> \"running\"",
                                      run_ + ".steps.2.output: null -> [7]",
                                      run_ + R"(.steps.3: null -> {"kind":"thought","step":3})"}));
}

TEST_F(Difference, ShowsWhatOneSideHasNotAsAWhole) {
  add(before_);
  const auto all = paths();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0], "threads.t: {} -> null");
  EXPECT_EQ(all[1].substr(0, run_.size() + 3), run_ + ": {");
  EXPECT_TRUE(all[1].ends_with("} -> null"));
}

TEST_F(Difference, ShowsAQuestionThatWasAnswered) {
  KnownRun& asked = add(before_);
  asked.status = "waiting_for_input";
  asked.steps = {
      {.step = Step(1), .kind = "question", .text = "sure?", .request_id = RequestId("q")}};
  KnownRun& answered = add(after_);
  answered = asked;
  answered.status = "running";
  answered.steps[0].output = JsonText("true");
  const auto all = paths();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[2].starts_with("pending_questions.q: {")) << all[2];
  EXPECT_TRUE(all[2].ends_with("} -> null")) << all[2];
}

}  // namespace
}  // namespace signalbox::replay
