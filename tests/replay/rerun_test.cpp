// A recorded run through today's code: the same, or the first field in which it would differ.
#include "replay/rerun.hpp"

#include <gtest/gtest.h>

#include "tests/agents/test_agents.hpp"

namespace signalbox::replay {
namespace {

const UserId kUser("anna");

KnownRun run_of(std::vector<KnownStep> steps) {
  return {.run_id = RunId(Uuid{}),
          .thread_id = ThreadId("t"),
          .message_id = MessageId("m"),
          .agent = "test",
          .content = "hello",
          .websocket_client_id = WebsocketClientId("ws_test"),
          .received = Seq(1),
          .received_at = Timestamp{},
          .steps = std::move(steps)};
}
KnownStep thought(const char* text) { return {.step = Step(1), .kind = "thought", .text = text}; }
KnownRun completed(KnownRun run, const char* answer, std::optional<std::string> memory = {}) {
  run.status = "completed";
  run.ended_at = Timestamp{};
  run.answer = answer;
  run.memory_after = std::move(memory);
  return run;
}
KnownStep slow_call(const char* arguments) {
  return {.step = Step(1),
          .kind = "tool",
          .name = "slow",
          .input = JsonText(arguments),
          .output = JsonText("{\"slept_ms\":1}")};
}

TEST(Rerun, OfTheSameCodeIsTheSame) {
  testing::EchoAgent echo;
  const auto report = rerun(completed(run_of({thought("echo")}), "hello", "1"), kUser, echo);
  EXPECT_FALSE(report.difference);
  EXPECT_FALSE(report.stopped);
  EXPECT_EQ(report.steps, 1);
}

TEST(Rerun, GivesTheMemoryThatTheThreadHad) {
  testing::EchoAgent echo;
  KnownRun run = completed(run_of({thought("echo")}), "hello", "8");
  run.memory_before = "7";
  EXPECT_FALSE(rerun(run, kUser, echo).difference);
  run.memory_before = "1";
  EXPECT_EQ(rerun(run, kUser, echo).difference->where, "agent_completed: data.memory");
}

struct Difference {
  KnownRun run;
  const char* where;
};

TEST(Rerun, NamesTheFirstFieldThatDiffers) {
  testing::EchoAgent echo;
  KnownStep other_kind = slow_call("{}");
  const std::vector<Difference> differences{
      {completed(run_of({thought("another")}), "hello", "1"), "step 1: data.content"},
      {completed(run_of({other_kind}), "hello", "1"), "step 1: kind"},
      {completed(run_of({thought("echo"), thought("more")}), "hello", "1"), "step 2"},
      {completed(run_of({}), "hello", "1"), "step 1"},
      {completed(run_of({thought("echo")}), "bye", "1"), "agent_completed: data.content"},
  };
  for (const Difference& one : differences) {
    const auto report = rerun(one.run, kUser, echo);
    ASSERT_TRUE(report.difference) << one.where;
    EXPECT_EQ(report.difference->where, one.where);
    EXPECT_NE(rerun_text(report).find("DIFFERS at "), std::string::npos);
  }
}

TEST(Rerun, NamesTheMemberOfTheArgumentsThatDiffers) {
  testing::SlowToolAgent slow(std::chrono::milliseconds(1), router::OnUnknown::retry);
  EXPECT_FALSE(
      rerun(completed(run_of({slow_call("{ \"request\" : \"hello\" }")}), "done"), kUser, slow)
          .difference)
      << "white space is no difference";
  const auto changed =
      rerun(completed(run_of({slow_call("{\"request\":\"hullo\"}")}), "done"), kUser, slow);
  ASSERT_TRUE(changed.difference);
  EXPECT_EQ(changed.difference->where, "step 1: data.arguments/request");
  EXPECT_EQ(changed.difference->recorded, "\"hullo\"");
  EXPECT_EQ(changed.difference->now, "\"hello\"");
  const auto added = rerun(completed(run_of({slow_call("{}")}), "done"), kUser, slow);
  ASSERT_TRUE(added.difference);
  EXPECT_EQ(added.difference->where, "step 1: data.arguments/request");
  EXPECT_EQ(added.difference->recorded, "nothing");
}

TEST(Rerun, OfAChangedAgentDiffers) {
  testing::DivergingAgent agent;
  const KnownRun run = run_of({thought("first way")});
  EXPECT_FALSE(rerun(run, kUser, agent).difference);
  testing::DivergingAgent::take_other_way = true;
  const auto report = rerun(run, kUser, agent);
  testing::DivergingAgent::take_other_way = false;
  ASSERT_TRUE(report.difference);
  EXPECT_EQ(report.difference->now, "other way");
}

TEST(Rerun, StopsWhereTheRecordHasNoMore) {
  testing::SlowToolAgent slow(std::chrono::milliseconds(1), router::OnUnknown::retry);
  KnownStep in_flight = slow_call("{\"request\":\"hello\"}");
  in_flight.output.reset();
  const auto report = rerun(run_of({in_flight}), kUser, slow);
  EXPECT_EQ(report.stopped, "step 1 has no result in the record");
  KnownRun cancelled = run_of({});
  cancelled.status = "cancelled";
  EXPECT_TRUE(rerun(cancelled, kUser, slow).stopped);
}

TEST(Rerun, OfARunThatWasEndedFromOutsideBehindItsLastStepDoesNotDiffer) {
  testing::EchoAgent echo;
  KnownRun run = run_of({thought("echo")});
  run.ended_at = Timestamp{};
  run.status = "cancelled";
  const auto cancelled = rerun(run, kUser, echo);
  EXPECT_FALSE(cancelled.difference);
  EXPECT_EQ(cancelled.stopped, "the run is cancelled, from outside; now it would end of itself");
  run.status = "failed";
  run.failure = AgentFailed{.code = FailureCode::deadline, .message = "too late"};
  EXPECT_FALSE(rerun(run, kUser, echo).difference);
  EXPECT_TRUE(rerun(run, kUser, echo).stopped);
}

TEST(Rerun, ComparesHowAnAgentBroke) {
  testing::CrashAgent crash;
  KnownRun run = run_of({thought("this will not end well")});
  run.status = "failed";
  run.ended_at = Timestamp{};
  run.failure = AgentFailed{.code = FailureCode::agent_error, .message = "the agent broke"};
  EXPECT_FALSE(rerun(run, kUser, crash).difference);
  run.failure->message = "otherwise";
  EXPECT_EQ(rerun(run, kUser, crash).difference->where, "agent_failed: data.message");
}

}  // namespace
}  // namespace signalbox::replay
