// The router on the real embedded log.
#include "router/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/router/router_on_log.hpp"
#include "tests/support/log_lines.hpp"

namespace signalbox::router {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Names = std::vector<std::string>;
const std::string kUser = "105945141827451681156";

TEST(Router, AMessageGoesItsWholeWay) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1");
  EXPECT_EQ(router.names(kUser, 4),
            (Names{"message_received", "agent_started", "agent_thinking", "agent_completed"}));
}

TEST(Router, WhileTheLogIsSilentAboutOnePartitionTheOthersAreServed) {
  RouterOnLog router;
  std::string other = "user-0";
  for (int i = 1; router.partition_of(other) == router.partition_of(kUser); ++i)
    other = "user-" + std::to_string(i);
  router.silent_partition = router.partition_of(kUser);
  router.start();
  router.says(kUser, "m1");
  router.says(other, "m1");
  EXPECT_TRUE(router.has(other, "agent_completed"));
  EXPECT_TRUE(router.history(kUser).empty());
  EXPECT_THAT(router.router().not_ready(), Not(::testing::IsEmpty()));
  router.reads().answer_all();
  EXPECT_TRUE(router.has(kUser, "agent_completed"));
}

TEST(Router, OnlyAMemberOfItsGroupIsReadyWithoutPartitions) {
  RouterOnLog router;
  router.start();
  ASSERT_TRUE(router.is_serving());
  const auto is_told = [&](const Names& reasons) {
    return RouterOnLog::eventually(
        [&] { return router.router().not_ready() == reasons && router.router().shares().empty(); });
  };
  const auto group = [&](auto speaks) {
    router.thread().run([&] { speaks(*router.reads().member.load()); });
  };
  group([](event_store::MembershipSink& member) {
    member.on_assigned({});
    member.on_trouble({Errc::unavailable, "group routers: not heard of"});
  });
  EXPECT_TRUE(is_told({"router: group routers: not heard of"}));
  group([](event_store::MembershipSink& member) { member.on_assigned({}); });
  EXPECT_TRUE(is_told({})) << "a spare one";
}

TEST(Router, AnAgentThatThrowsEndsItsRunAndNothingElse) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "crash");
  EXPECT_EQ(router.names(kUser, 4).back(), "agent_failed");
  EXPECT_EQ(std::get<AgentFailed>(router.history(kUser).back().data).code,
            FailureCode::agent_error);
  EXPECT_EQ(std::get<AgentFailed>(router.history(kUser).back().data).message, "the agent broke");
  router.says(kUser, "m2");
  EXPECT_TRUE(router.has(kUser, "agent_completed"));
}

TEST(Router, AnAnswerLargerThanAnEventFailsAndALargeToolResultIsAnError) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "huge");
  ASSERT_TRUE(router.has(kUser, "agent_failed"));
  EXPECT_EQ(std::get<AgentFailed>(router.history(kUser).back().data).code,
            FailureCode::output_too_large);
  router.says(kUser, "m2", "huge", "tool");
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  EXPECT_EQ(std::get<AgentCompleted>(router.history(kUser).back().data).content,
            "error output_too_large");
}

TEST(Router, CancelEndsARunningRunWhenItsStepEnds) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "slow");
  ASSERT_TRUE(router.has(kUser, "tool_executing"));
  router.cancels(kUser, "m1");
  ASSERT_TRUE(router.has(kUser, "agent_cancelled"));
  EXPECT_EQ(router.names(kUser, 6),
            (Names{"message_received", "agent_started", "tool_executing", "cancel_requested",
                   "tool_completed", "agent_cancelled"}));
}

TEST(Router, CancelEndsARunThatWaitsForAPerson) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "ask");
  ASSERT_TRUE(router.has(kUser, "input_requested"));
  router.cancels(kUser, "m1");
  ASSERT_TRUE(router.has(kUser, "agent_cancelled"));
  router.says(kUser, "m2");
  EXPECT_TRUE(router.has(kUser, "agent_completed")) << "its thread is free again";
  EXPECT_EQ(router.count(kUser, "agent_cancelled"), 1u);
}

TEST(Router, AnAnswerOfAPersonLetsTheRunGoOn) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "ask");
  ASSERT_TRUE(router.has(kUser, "input_requested"));
  const auto asked = std::get<InputRequested>(router.history(kUser).back().data);
  router.send(kUser, RunInput{event_store::run_id_of(UserId(kUser), MessageId("m1")),
                              asked.request_id, JsonText(R"({"confirmed":true})")});
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  EXPECT_EQ(std::get<AgentCompleted>(router.history(kUser).back().data).content, "Confirmed.");
}

TEST(Router, ARunThatWaitsForAPersonSurvivesACrash) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "ask");
  ASSERT_TRUE(router.has(kUser, "input_requested"));
  const auto asked = std::get<InputRequested>(router.history(kUser).back().data);
  router.crash();
  router.reopen_log();
  router.start();
  ASSERT_TRUE(router.has(kUser, "run_resumed"));
  router.send(kUser, RunInput{event_store::run_id_of(UserId(kUser), MessageId("m1")),
                              asked.request_id, JsonText(R"({"confirmed":false})")});
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  EXPECT_EQ(router.count(kUser, "input_requested"), 1u);
}

TEST(Router, ARunGoesOnAfterACrashFromItsRecordedSteps) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "slow");
  ASSERT_TRUE(router.has(kUser, "tool_executing"));
  router.crash();
  router.start();
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  EXPECT_EQ(router.names(kUser, 7),
            (Names{"message_received", "agent_started", "tool_executing", "run_resumed",
                   "tool_executing", "tool_completed", "agent_completed"}));
  EXPECT_EQ(router.history(kUser).back().attempt, Attempt(2));
}

TEST(Router, ADrainReleasesSoThatTheNextOwnerResumesWithoutBlame) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1", "ask");
  ASSERT_TRUE(router.has(kUser, "input_requested"));
  router.drain();
  router.start();
  ASSERT_TRUE(router.has(kUser, "run_resumed"));
  EXPECT_EQ(std::get<RunResumed>(router.history(kUser).back().data).reason, ResumeReason::released);
}

TEST(Router, ACodeChangeThatTakesAnotherStepEndsTheRunAsDiverged) {
  RouterOnLog router;
  testing::DivergingAgent::take_other_way = false;
  router.start();
  router.says(kUser, "m1", "diverging");
  ASSERT_TRUE(router.has(kUser, "input_requested"));
  router.crash();
  testing::DivergingAgent::take_other_way = true;
  router.start();
  ASSERT_TRUE(router.has(kUser, "agent_failed"));
  EXPECT_EQ(std::get<AgentFailed>(router.history(kUser).back().data).code,
            FailureCode::agent_diverged);
  testing::DivergingAgent::take_other_way = false;
}

TEST(Router, SnapshotsAreOnlyACache) {
  RouterOnLog router;
  router.options.states.snapshot_events = 5;
  router.start();
  for (int i = 0; i < 5; ++i) router.says(kUser, "m" + std::to_string(i));
  ASSERT_TRUE(router.has(kUser, "agent_completed", 5));
  router.drain();
  ASSERT_TRUE(router.snapshots.get(user_snapshot_key(UserId(kUser))).value());
  EXPECT_TRUE(router.snapshots.put(
      user_snapshot_key(UserId(kUser)),
      {.order = 1'000'000, .fold_version = kFoldVersion, .bytes = "no snapshot"}));
  router.start();
  router.says(kUser, "m2");  // known before the snapshot was lost: still a duplicate
  ASSERT_TRUE(router.has(kUser, "message_duplicate"));
  router.says(kUser, "m9");
  ASSERT_TRUE(router.has(kUser, "agent_completed", 6));
  EXPECT_GE(router.router().counters().rebuilds, 1u);
}

// A log restored from an older copy, beside snapshots of its later life.
TEST(Router, SnapshotsAheadOfTheLogAreNotBelieved) {
  RouterOnLog router;
  router.start();
  router.says(kUser, "m1");
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  router.drain();
  auto stored = router.snapshots.get(user_snapshot_key(UserId(kUser))).value().value();
  auto snapshot = decode_user_snapshot(stored.bytes).value();
  snapshot.at.next_offset = Offset(1'000'000);
  snapshot.state.chain.seq = Seq(777);
  EXPECT_TRUE(router.snapshots.put(
      user_snapshot_key(UserId(kUser)),
      {.order = 777, .fold_version = kFoldVersion, .bytes = encode_user_snapshot(snapshot)}));
  router.start();
  router.says(kUser, "m2");
  ASSERT_TRUE(router.has(kUser, "agent_completed", 2));
  EXPECT_EQ(router.router().counters().states.users_damaged, 0u);
  router.drain();
  EXPECT_LT(router.snapshots.get(user_snapshot_key(UserId(kUser))).value()->order, 777)
      << "what was refused is replaced, whatever its order";
}

TEST(Router, ARunBehindThoseThatWaitForPeopleStarts) {
  RouterOnLog router;
  router.start();
  for (int i = 0; i < 9; ++i)
    router.says(kUser, "m" + std::to_string(i), "ask", "hello", "t" + std::to_string(i));
  EXPECT_TRUE(router.has(kUser, "input_requested", 9));
}

TEST(Router, ACommandLargerThanAnOutcomeMayBeIsRefusedNotRetriedForEver) {
  RouterOnLog router;
  router.start();
  router.send(kUser, ViewHistory{"someone", JsonText('"' + std::string(500 * 1024, 'x') + '"')});
  ASSERT_TRUE(router.has(kUser, "message_rejected"));
  router.says(kUser, "m1");
  EXPECT_TRUE(router.has(kUser, "agent_completed"));
}

TEST(Router, AllSnapshotsLostCostsTimeAndNothingElse) {
  RouterOnLog router;
  router.start();
  for (int i = 0; i < 5; ++i) router.says(kUser, "m" + std::to_string(i));
  ASSERT_TRUE(router.has(kUser, "agent_completed", 5));
  router.drain();
  router.snapshots.erase(user_snapshot_key(UserId(kUser)));
  router.snapshots.erase(partition_snapshot_key(router.partition_of(kUser)));
  router.start();
  router.says(kUser, "m2");
  ASSERT_TRUE(router.has(kUser, "message_duplicate"));
}

TEST(Router, FewUserStatesAreHeldAndAllAreServed) {
  RouterOnLog router;
  router.options.states.users_max = 4 * 12;  // 4 in each partition
  router.start();
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 60; ++i)
      router.says("user-" + std::to_string(i), "m" + std::to_string(round));
  for (int i = 0; i < 60; ++i) {
    const std::string user = "user-" + std::to_string(i);
    ASSERT_TRUE(router.has(user, "agent_completed", 2)) << user;
    EXPECT_EQ(std::get<AgentCompleted>(router.history(user).back().data).memory, "2");
  }
  // 18 do not fit; more go where the machine lets them be served one after the other.
  EXPECT_TRUE(
      RouterOnLog::eventually([&] { return router.router().counters().states.evictions >= 18u; }));
}

std::vector<std::string> users_of(RouterOnLog& router, Partition partition, std::size_t count) {
  std::vector<std::string> users;
  for (int i = 0; users.size() < count; ++i)
    if (const auto user = "user-" + std::to_string(i); router.partition_of(user) == partition)
      users.push_back(user);
  return users;
}

// Each as USER/THREAD, in the order of the log.
Names started(RouterOnLog& router, Partition partition) {
  Names started;
  for (const RecordPtr& record : router.records(Topic::events, partition))
    if (const auto event = event_store::decode_event(*record))
      if (std::holds_alternative<AgentStarted>(event->data))
        started.push_back(event->user_id.value() + "/" + event->thread_id->value());
  return started;
}

// A place among the started runs goes to the oldest message that waits, not to the user who has
// waited longest: what that one waited for is cancelled.
TEST(Router, RunsThatWaitForAPlaceStartInTheOrderOfTheirMessages) {
  RouterOnLog router;
  router.options.started_runs_max = 1;
  const auto users = users_of(router, Partition(0), 4);
  router.says(users[3], "m1", "echo", "hello", "t1");
  router.says(users[2], "m1", "echo", "hello", "t1");
  router.says(users[1], "m1", "echo", "hello", "t1");
  router.says(users[2], "m2", "echo", "hello", "t2");
  router.says(users[0], "m1", "echo", "hello", "t1");
  router.cancels(users[2], "m1");
  router.start();
  for (const std::string& user : users) ASSERT_TRUE(router.has(user, "agent_completed"));
  EXPECT_EQ(started(router, Partition(0)),
            (Names{users[3] + "/t1", users[1] + "/t1", users[2] + "/t2", users[0] + "/t1"}));
}

TEST(Router, TheLimitOfUserStatesIsSharedByItsPartitions) {
  RouterOnLog router;
  router.options.states.users_max = 24;  // of 12 partitions
  router.start();
  for (const std::string& user : users_of(router, Partition(0), 3)) {
    router.says(user, "m");
    ASSERT_TRUE(router.has(user, "agent_completed"));
  }
  EXPECT_TRUE(RouterOnLog::eventually(
      [&] { return router.router().counters().states.evictions == 1; }, std::chrono::seconds(5)));
}

NewRecord command_record(const std::string& user, const std::string& message) {
  return event_store::encode_command(
      {.id = "c",
       .source = "/foreign",
       .time = Timestamp{},
       .user_id = UserId(user),
       .websocket_client_id = WebsocketClientId("ws_f"),
       .traceparent = std::nullopt,
       .data = UserMessage{MessageId(message), ThreadId("t"), "hello", "echo"}});
}

// Of what is in quarantine, in its order.
Names reasons(RouterOnLog& router, Partition partition) {
  Names reasons;
  for (const RecordPtr& record : router.records(Topic::quarantine, partition)) {
    const auto quarantined = event_store::decode_quarantined(*record);
    EXPECT_TRUE(quarantined);
    if (quarantined) reasons.push_back(quarantined->reason);
  }
  return reasons;
}

TEST(Router, WhatNobodyCanReadGoesToQuarantineAndItsUserIsTold) {
  const test_support::LogLines lines;
  RouterOnLog router;
  router.start();
  const Partition partition = router.partition_of(kUser);
  NewRecord broken = command_record(kUser, "m1");
  broken.value = R"({"what he wrote":1,"what he wrote":2})";
  router.append(broken, partition);
  NewRecord mismatched = command_record(kUser, "m2");
  mismatched.headers.set("ce_subject", "somebody else");
  router.append(mismatched, partition);
  router.append(command_record(kUser, "m3"), Partition((partition.value() + 1) % 12));
  router.append(NewRecord{.key = std::nullopt, .headers = {}, .value = "?"}, partition);
  router.says(kUser, "m4");
  ASSERT_TRUE(router.has(kUser, "agent_completed"));
  EXPECT_EQ(router.names(kUser, 5).front(), "message_rejected");
  EXPECT_EQ(router.count(kUser, "message_rejected"), 1u);
  ASSERT_TRUE(RouterOnLog::eventually([&] {
    return router.records(Topic::quarantine, Partition((partition.value() + 1) % 12)).size() == 1;
  }));
  EXPECT_EQ(reasons(router, partition), (Names{"malformed", "key_mismatch", "malformed"}));
  EXPECT_EQ(reasons(router, Partition((partition.value() + 1) % 12)), Names{"wrong_partition"});
  router.crash();
  const std::string said = lines.text();
  EXPECT_THAT(said, HasSubstr("inbound " + std::to_string(partition.value()) +
                              "/0 goes to quarantine: malformed"));
  for (const char* of_the_user : {kUser.c_str(), "somebody else", "what he wrote"})
    EXPECT_THAT(said, Not(HasSubstr(of_the_user)));
}

// A gateway of the next version is rolled out before this router was (contract 14).
TEST(Router, ACommandOfAVersionNobodyKnowsGoesToQuarantineAndItsUserIsTold) {
  RouterOnLog router;
  router.start();
  NewRecord newer = command_record(kUser, "m1");
  newer.headers.set("ce_dataschema", "urn:signalbox:contract:user_message:99");
  router.append(newer, router.partition_of(kUser));
  router.says(kUser, "m1");
  EXPECT_EQ(router.names(kUser, 5), (Names{"message_rejected", "message_received", "agent_started",
                                           "agent_thinking", "agent_completed"}));
  const Event told = router.history(kUser).front();
  EXPECT_EQ(std::get<MessageRejected>(told.data).code, RejectCode::unsupported_version);
  EXPECT_EQ(told.causation_id, "c");
  EXPECT_EQ(told.websocket_client_id, WebsocketClientId("ws_f"));
  EXPECT_EQ(reasons(router, router.partition_of(kUser)), Names{"unsupported_version"});
  const auto kept = router.records(Topic::quarantine, router.partition_of(kUser));
  EXPECT_EQ(event_store::decode_quarantined(*kept.front())->headers, newer.headers);
}

TEST(Router, ARecordLargerThanQuarantineTakesIsKeptInPart) {
  RouterOnLog router;
  router.start();
  NewRecord large = command_record(kUser, "m1");
  large.headers.add("tracer", std::string(300 << 10, 't'));
  large.value = std::string(3500 << 10, '{');
  router.append(large, router.partition_of(kUser));
  router.says(kUser, "m2");
  ASSERT_TRUE(router.has(kUser, "agent_completed")) << "what comes after it is answered";
  const auto kept = router.records(Topic::quarantine, router.partition_of(kUser));
  ASSERT_EQ(kept.size(), 1u);
  const auto quarantined = event_store::decode_quarantined(*kept.front());
  ASSERT_TRUE(quarantined) << quarantined.error().message;
  EXPECT_EQ(quarantined->key, kUser);
  EXPECT_EQ(quarantined->headers, command_record(kUser, "m1").headers) << "all but the long one";
  EXPECT_GT(quarantined->value.size(), 200u << 10);
  EXPECT_TRUE(std::string_view(large.value).starts_with(quarantined->value));
  EXPECT_GT(quarantined->cut_from, 3800 << 10);
  EXPECT_EQ(std::get<MessageRejected>(router.history(kUser).front().data).code,
            RejectCode::malformed);
}

// history() decodes every event, as the next owner does.
TEST(Router, TheOutcomeOfARecordWithoutAUsableIdCanBeReadBack) {
  RouterOnLog router;
  router.start();
  const Partition partition = router.partition_of(kUser);
  const auto with_id = [](std::optional<std::string> id) {
    NewRecord record = command_record(kUser, "m1");
    record.headers.erase_if([](const Header& header) { return header.name == "ce_id"; });
    if (id) record.headers.add("ce_id", *id);
    return record;
  };
  router.append(with_id(std::nullopt), partition);
  router.append(with_id(std::string(200, 'x')), partition);
  router.append(with_id("\xff"), partition);
  ASSERT_TRUE(router.has(kUser, "message_rejected", 3));
  const auto kept = router.records(Topic::quarantine, partition);
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(router.history(kUser).front().causation_id, kept.front()->header("ce_id"));
  router.crash();
  router.start();
  router.says(kUser, "m2");
  EXPECT_TRUE(router.has(kUser, "agent_completed")) << "his history is whole";
}

TEST(Router, EveryInboundRecordThatNamesAUserHasOneOutcomeInItsOrder) {
  RouterOnLog router;
  router.start();
  for (int i = 0; i < 40; ++i) {
    router.says(kUser, "m" + std::to_string(i % 30), "echo", "hello", "t" + std::to_string(i % 7));
    if (i % 9 == 0) router.cancels(kUser, "m" + std::to_string(i));
  }
  const auto inbound = router.records(Topic::inbound, router.partition_of(kUser));
  std::vector<std::int64_t> outcomes;
  ASSERT_TRUE(RouterOnLog::eventually([&] {
    outcomes.clear();
    for (const Event& event : router.history(kUser)) {
      const auto name = event_store::event_name(event.data);
      if (name.starts_with("message_") || name.starts_with("cancel_"))
        outcomes.push_back(event.inbound_offset.value());
    }
    return outcomes.size() >= inbound.size();
  }));
  ASSERT_EQ(outcomes.size(), inbound.size());
  for (std::size_t i = 0; i < inbound.size(); ++i)
    EXPECT_EQ(outcomes[i], inbound[i]->offset.value());
}

}  // namespace
}  // namespace signalbox::router
