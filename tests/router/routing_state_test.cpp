#include "router/routing_state.hpp"

#include <gtest/gtest.h>

#include "tests/router/user_story.hpp"

namespace signalbox::router {
namespace {

RejectCode rejection(const std::vector<EventData>& events) {
  EXPECT_EQ(events.size(), 1u);
  return std::get<MessageRejected>(events.at(0)).code;
}

TEST(RoutingState, AMessageIsReceivedAndItsRunStartsOnceTheThreadIsFree) {
  UserStory user;
  EXPECT_TRUE(is<MessageReceived>(user.says("m1").at(0)));
  EXPECT_TRUE(is<MessageReceived>(user.says("m2").at(0)));
  const auto started = user.starts_what_may();
  ASSERT_EQ(started.size(), 1u);
  EXPECT_EQ(std::get<AgentStarted>(started[0]).message_id, MessageId("m1"));
  EXPECT_TRUE(user.starts_what_may().empty());
  user.run_states("m1", AgentCompleted{.content = "x", .memory = std::nullopt});
  EXPECT_EQ(std::get<AgentStarted>(user.starts_what_may().at(0)).message_id, MessageId("m2"));
}

TEST(RoutingState, TheSameMessageTwiceIsADuplicateAndNeverASecondRun) {
  UserStory user;
  user.says("m1");
  const auto again = user.says("m1");
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(std::get<MessageDuplicate>(again[0]).run_id, user.run_of("m1"));
  EXPECT_EQ(user.state().runs.size(), 1u);
}

TEST(RoutingState, AnIdWithOtherWordsOrThreadOrAgentIsAConflict) {
  UserStory user;
  user.says("m1", "t", "hello");
  EXPECT_EQ(rejection(user.says("m1", "t", "other")), RejectCode::message_id_conflict);
  EXPECT_EQ(rejection(user.says("m1", "u", "hello")), RejectCode::message_id_conflict);
  EXPECT_EQ(rejection(user.says("m1", "t", "hello", "ask")), RejectCode::message_id_conflict);
  EXPECT_TRUE(is<MessageDuplicate>(user.says("m1", "t", "hello", "assistant").at(0)));
}

TEST(RoutingState, ARejectedIdMayBeSentAgain) {
  UserStory user;
  EXPECT_EQ(rejection(user.says("m1", "t", "hi", "nobody")), RejectCode::unknown_agent);
  EXPECT_TRUE(is<MessageReceived>(user.says("m1").at(0)));
}

TEST(RoutingState, TheDedupeWindowForgetsTheOldestId) {
  Rules rules = UserStory::default_rules();
  rules.limits.dedupe_window = 3;
  UserStory user(rules);
  for (const char* id : {"a", "b", "c", "d"}) {
    user.says(id, id);
    user.starts_what_may();
    user.run_states(id, AgentCompleted{.content = "x", .memory = std::nullopt});
  }
  EXPECT_TRUE(is<MessageDuplicate>(user.says("b", "b").at(0)));
  EXPECT_TRUE(is<MessageReceived>(user.says("a", "a").at(0)));
}

TEST(RoutingState, AThreadQueuesSixteenBehindTheRunThatHasIt) {
  UserStory user;
  user.says("m0");
  user.starts_what_may();
  for (int i = 1; i <= 16; ++i)
    EXPECT_TRUE(is<MessageReceived>(user.says("m" + std::to_string(i)).at(0)));
  EXPECT_EQ(rejection(user.says("m17")), RejectCode::queue_full);
  EXPECT_TRUE(is<MessageReceived>(user.says("m17", "another thread").at(0)));
}

TEST(RoutingState, EightRunsOfAUserRunAtOnceTheOldestMessagesFirst) {
  UserStory user;
  for (int i = 0; i < 10; ++i) user.says("m" + std::to_string(i), "t" + std::to_string(9 - i));
  const auto started = user.starts_what_may();
  ASSERT_EQ(started.size(), 8u);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(std::get<AgentStarted>(started[static_cast<std::size_t>(i)]).message_id,
              MessageId("m" + std::to_string(i)));
  EXPECT_TRUE(user.starts_what_may().empty());
}

TEST(RoutingState, AtMostAsManyRunsWaitAsTheUserMayHaveWaiting) {
  Rules rules = UserStory::default_rules();
  rules.limits.waiting_per_user = 3;
  UserStory user(rules);
  for (int i = 0; i < 3; ++i) user.says("m" + std::to_string(i), "t" + std::to_string(i));
  EXPECT_EQ(rejection(user.says("m3", "t3")), RejectCode::queue_full);
}

TEST(RoutingState, CancelOfAQueuedRunEndsItAtOnceWithoutAStart) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  user.says("m2");
  const auto events = user.cancels("m2");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_TRUE(is<CancelRequested>(events[0]));
  EXPECT_TRUE(is<AgentCancelled>(events[1]));
  EXPECT_FALSE(user.is_open("m2"));
  EXPECT_TRUE(user.is_open("m1"));
}

TEST(RoutingState, CancelOfARunningRunIsAnsweredAtOnceAndEndsWhenItsSupervisorSaysSo) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  EXPECT_EQ(user.cancels("m1").size(), 1u);
  EXPECT_TRUE(user.is_open("m1"));
  EXPECT_EQ(user.cancels("m1").size(), 1u) << "a repeated cancel gets cancel_requested again";
}

TEST(RoutingState, AfterACancelWasAnsweredWhateverEndsTheRunIsItsCancel) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  user.cancels("m1");
  user.run_states("m1", AgentCompleted{.content = "x", .memory = "memo"});
  EXPECT_FALSE(user.is_open("m1"));
  EXPECT_EQ(std::get<AgentCancelled>(user.history().back().data).by, "ws_test");
  EXPECT_TRUE(user.state().memories.empty());
}

TEST(RoutingState, CancelOfAnEndedAndOfAnUnknownRunIsToldApart) {
  UserStory user;
  user.says("m1");
  user.cancels("m1");
  EXPECT_EQ(std::get<CancelRejected>(user.cancels("m1").at(0)).code, CancelRejectCode::run_ended);
  EXPECT_EQ(std::get<CancelRejected>(user.cancels("m2").at(0)).code, CancelRejectCode::unknown_run);
}

InputRequested question(std::chrono::microseconds expires) {
  return {.step = Step(1),
          .request_id = RequestId("q"),
          .prompt = "Shall I?",
          .schema = JsonText(
              R"({"type":"object","required":["ok"],"properties":{"ok":{"type":"boolean"}}})"),
          .expires = Timestamp(expires)};
}

TEST(RoutingState, AnAnswerIsCheckedAgainstTheQuestionAndTakenOnce) {
  UserStory user;
  user.says("m1", "t", "x", "ask");
  user.starts_what_may();
  user.run_states("m1", question(std::chrono::seconds(1)));
  EXPECT_EQ(user.run("m1").phase, RunPhase::waiting_for_input);
  const auto code = [](const std::vector<EventData>& events) {
    return std::get<RunInputRejected>(events.at(0)).code;
  };
  EXPECT_EQ(code(user.answers("m1", "other", "{}")), InputRejectCode::unknown_request);
  EXPECT_EQ(code(user.answers("m1", "q", R"({"ok":"yes"})")), InputRejectCode::bad_input);
  EXPECT_EQ(code(user.answers("m9", "q", "{}")), InputRejectCode::unknown_run);
  EXPECT_TRUE(is<RunInputReceived>(user.answers("m1", "q", R"({"ok":true})").at(0)));
  EXPECT_EQ(user.run("m1").phase, RunPhase::running);
  EXPECT_EQ(code(user.answers("m1", "q", R"({"ok":true})")), InputRejectCode::already_answered);
}

TEST(RoutingState, TimeSpentWaitingForAPersonIsNotTheRunsTime) {
  UserStory user;
  user.says("m1", "t", "x", "ask");
  user.starts_what_may();
  user.passes(std::chrono::seconds(2));
  user.run_states("m1", question(std::chrono::hours(1)));
  user.passes(std::chrono::minutes(40));
  user.answers("m1", "q", R"({"ok":true})");
  EXPECT_EQ(user.run("m1").stood_still, std::chrono::minutes(40));
}

TEST(RoutingState, OnlyTimeUnderAnOwnerIsTheRunsTime) {
  UserStory user;
  user.says("m1", "t", "x", "ask");
  user.starts_what_may();
  const auto used = [&] { return time_used(user.run("m1")); };
  for (int i = 1; i <= 3; ++i) {
    user.passes(std::chrono::minutes(2));
    user.run_states("m1", AgentThinking{.step = Step(i), .content = "so"});
    EXPECT_EQ(used(), std::chrono::minutes(2 * i));
    user.passes(std::chrono::hours(1));
    user.is_taken_over(i == 2 ? ResumeReason::released : ResumeReason::owner_lost);
    EXPECT_EQ(used(), std::chrono::minutes(2 * i)) << "nobody had it";
  }
  InputRequested asked = question(std::chrono::hours(9));
  asked.step = Step(4);
  user.run_states("m1", asked);
  user.passes(std::chrono::hours(1));
  user.is_taken_over(ResumeReason::owner_lost);
  user.passes(std::chrono::hours(1));
  EXPECT_EQ(used(), std::chrono::minutes(6)) << "an outage while it waits is not taken off twice";
  user.answers("m1", "q", R"({"ok":true})");
  user.passes(std::chrono::minutes(1));
  user.run_states("m1", AgentThinking{.step = Step(5), .content = "so"});
  EXPECT_EQ(used(), std::chrono::minutes(7));
}

TEST(RoutingState, ATakeOverResumesStartedRunsOnlyAndCountsLostOwners) {
  UserStory user;
  user.says("m1");
  user.says("m2");
  user.starts_what_may();
  const auto resumed = user.is_taken_over(ResumeReason::owner_lost);
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_TRUE(is<RunResumed>(resumed[0]));
  EXPECT_EQ(user.run("m1").attempt, Attempt(2));
  EXPECT_EQ(user.run("m1").tries, 1);
  user.is_taken_over(ResumeReason::released);
  EXPECT_EQ(user.run("m1").attempt, Attempt(3));
  EXPECT_EQ(user.run("m1").tries, 1) << "a release is nobody's fault";
}

TEST(RoutingState, TheSixthLostOwnerWithoutAStepEndsTheRun) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(is<RunResumed>(user.is_taken_over(ResumeReason::owner_lost).at(0)));
  const auto sixth = user.is_taken_over(ResumeReason::owner_lost);
  EXPECT_EQ(std::get<AgentFailed>(sixth.at(0)).code, FailureCode::attempts_exhausted);
  EXPECT_FALSE(user.is_open("m1"));
}

TEST(RoutingState, ARecordedStepMakesAttemptsCountAnew) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  for (int i = 0; i < 5; ++i) user.is_taken_over(ResumeReason::owner_lost);
  user.run_states("m1", AgentThinking{.step = Step(1), .content = "so"});
  EXPECT_TRUE(is<RunResumed>(user.is_taken_over(ResumeReason::owner_lost).at(0)));
  EXPECT_EQ(user.run("m1").tries, 1);
}

TEST(RoutingState, OwnersLostWhileAPersonIsWaitedForAreNoAttemptsOfTheRun) {
  UserStory user;
  user.says("m1", "t", "x", "ask");
  user.starts_what_may();
  user.run_states("m1", question(std::chrono::hours(1)));
  for (int i = 0; i < 7; ++i)
    EXPECT_TRUE(is<RunResumed>(user.is_taken_over(ResumeReason::owner_lost).at(0)));
  EXPECT_EQ(user.run("m1").attempt, Attempt(8));
  user.answers("m1", "q", R"({"ok":true})");
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(is<RunResumed>(user.is_taken_over(ResumeReason::owner_lost).at(0)));
  EXPECT_TRUE(is<AgentFailed>(user.is_taken_over(ResumeReason::owner_lost).at(0)))
      << "from the answer on they count";
}

TEST(RoutingState, ATakeOverEndsARunWhoseCancelWasPromised) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  user.cancels("m1");
  const auto events = user.is_taken_over(ResumeReason::owner_lost);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(is<AgentCancelled>(events[0]));
}

TEST(RoutingState, ACallStatedAgainByANewOwnerIsTheSameStep) {
  UserStory user;
  user.says("m1");
  user.starts_what_may();
  const ToolExecuting call{
      .step = Step(1), .call_id = CallId(Uuid{}), .name = "clock", .arguments = JsonText("{}")};
  user.run_states("m1", call);
  user.is_taken_over(ResumeReason::owner_lost);
  user.run_states("m1", call);
  ASSERT_EQ(user.run("m1").steps.size(), 1u);
  user.run_states("m1", ToolCompleted{.step = Step(1),
                                      .call_id = CallId(Uuid{}),
                                      .name = "clock",
                                      .result = JsonText("1"),
                                      .error = std::nullopt});
  EXPECT_EQ(std::get<RecordedCall>(user.run("m1").steps[0]).result->text, "1");
}

TEST(RoutingState, MemoryGoesToTheThreadsNextRunAndOnlyTheNewestThreadsKeepIt) {
  Rules rules = UserStory::default_rules();
  rules.limits.threads_with_memory = 2;
  UserStory user(rules);
  for (const char* id : {"a", "b", "c"}) {
    user.says(id, id);
    user.starts_what_may();
    user.run_states(id, AgentCompleted{.content = "x", .memory = std::string("of ") + id});
  }
  EXPECT_FALSE(user.state().memories.contains(ThreadId("a")));
  EXPECT_EQ(user.state().memories.at(ThreadId("c")).memory, "of c");
}

TEST(RoutingState, ADamagedUserGetsOneAnswerToEverything) {
  UserStory user;
  user.says("m1");
  freeze(user.state(), Offset(7));
  EXPECT_EQ(rejection(user.says("m2")), RejectCode::history_damaged);
  EXPECT_EQ(rejection(user.cancels("m1")), RejectCode::history_damaged);
  EXPECT_TRUE(user.starts_what_may().empty());
  EXPECT_TRUE(user.is_taken_over(ResumeReason::owner_lost).empty());
}

TEST(RoutingState, EveryCommandHasExactlyOneOutcomeAndItComesFirst) {
  UserStory user;
  const auto is_outcome = [](const EventData& data) {
    return is<MessageReceived>(data) || is<MessageDuplicate>(data) || is<MessageRejected>(data) ||
           is<CancelRequested>(data) || is<CancelRejected>(data) || is<RunInputReceived>(data) ||
           is<RunInputRejected>(data) || is<HistoryViewed>(data);
  };
  std::vector<std::vector<EventData>> answers;
  answers.push_back(user.says("m1"));
  answers.push_back(user.says("m1"));
  answers.push_back(user.says("m2", "t", "x", "nobody"));
  answers.push_back(user.cancels("m1"));
  answers.push_back(user.cancels("m1"));
  answers.push_back(user.answers("m1", "q", "{}"));
  answers.push_back(user.take(ViewHistory{"someone", JsonText("{}")}));
  for (const auto& events : answers) {
    EXPECT_TRUE(is_outcome(events.at(0)));
    EXPECT_EQ(std::ranges::count_if(events, is_outcome), 1);
  }
}

// It stood in two queues, and the one it did not leave ended the router with the next message.
TEST(RoutingState, ARunReceivedAgainByAFaultyOwnerStaysWhereItIs) {
  UserStory user;
  user.says("m1", "t1");
  RoutingState state = user.state();
  Event again = user.history().front();
  again.thread_id = ThreadId("t2");
  std::get<MessageReceived>(again.data).message_id = MessageId("m2");
  apply(state, again, user.rules().limits);
  EXPECT_EQ(state.runs, user.state().runs);
  EXPECT_EQ(state.threads, user.state().threads);
}

}  // namespace
}  // namespace signalbox::router
