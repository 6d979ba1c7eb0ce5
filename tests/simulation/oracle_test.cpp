// What judges the simulation is worth nothing if it cannot say no: each oracle is given a history
// that is right, and that history broken in one way after another.
#include <gtest/gtest.h>

#include <algorithm>

#include "event-store/contract/chain.hpp"
#include "event-store/contract/codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/identity.hpp"
#include "tests/simulation/log_audit.hpp"
#include "tests/simulation/model/real_records.hpp"
#include "tests/simulation/ownership_witness.hpp"

namespace signalbox::simulation {
namespace {

using ownership_model::LogRecord;
using ownership_model::RealRecords;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

const UserId kUser("user-0");
constexpr TopicPartition kInbound{Topic::inbound, Partition(0)};
constexpr TopicPartition kEvents{Topic::events, Partition(0)};

std::string all(const RunReport& report) {
  std::string text;
  for (const std::string& what : report.violations) text += what + "\n";
  return text;
}

// ---- the log, and what clients have of it

// One user whose messages are answered by the echo agent; a test breaks what it wants.
class AuditedLog : public ::testing::Test {
 protected:
  void says(const std::string& message, const std::string& agent = "echo") {
    sends(message, UserMessage{MessageId(message), ThreadId("t"), "hello", agent});
  }
  // `as`: what it is called in state().
  void sends(const std::string& as, CommandData data) {
    inbound_[as] = static_cast<std::int64_t>(log_.records(kInbound).size());
    log_.put(kInbound,
             event_store::encode_command({.id = "c" + as,
                                          .source = "/test",
                                          .time = Timestamp{},
                                          .user_id = kUser,
                                          .websocket_client_id = WebsocketClientId("ws_a"),
                                          .traceparent = std::nullopt,
                                          .data = std::move(data)}));
  }
  void claims() {
    log_.put(kEvents, RealRecords(log_id()).of({.kind = ownership_model::kOwned, .epoch = 1}));
  }
  void state(const std::string& message, EventData data) {
    state_as(message, message, std::move(data));
  }
  // As the outcome of a command about the message.
  void state_as(const std::string& command, const std::string& message, EventData data) {
    ++ord_;
    ++seq_;
    const RunId run = event_store::run_id_of(kUser, MessageId(message));
    NewRecord record = event_store::encode_event(
        {.id = event_store::event_id_of(log_id(), Partition(0), Epoch(1), kUser, Seq(seq_)),
         .source = "/test",
         .time = now_,
         .user_id = kUser,
         .thread_id = ThreadId("t"),
         .run_id = run,
         .attempt = Attempt(1),
         .websocket_client_id = WebsocketClientId("ws_a"),
         .seq = Seq(seq_),
         .inbound_offset = Offset(inbound_.at(command)),
         .epoch = Epoch(1),
         .owner_seq = OwnerSeq(ord_),
         .causation_id = "c",
         .traceparent = std::nullopt,
         .data = std::move(data)});
    event_store::add_chain_hash(record, event_store::Hash{});
    log_.put(kEvents, std::move(record));
  }
  void receives(const std::string& message) {
    state(message, MessageReceived{MessageId(message), "hello", "echo"});
  }
  void starts(const std::string& message) {
    state(message,
          AgentStarted{.agent = "echo", .agent_version = "1", .message_id = MessageId(message)});
  }
  void thinks(const std::string& message) { state(message, AgentThinking{Step(1), "echo"}); }
  void answers(const std::string& message, const std::string& memory = "1") {
    state(message, AgentCompleted{"hello", memory});
  }
  void has_a_run(const std::string& message) {
    says(message);
    claims();
    receives(message);
    starts(message);
    thinks(message);
    answers(message);
  }

  [[nodiscard]] std::string found(const std::map<CallId, int>& calls = {}) {
    RunReport report;
    LogAudit audit(log_, options_, report);
    audit.check_commands();
    audit.check_sent({client_});
    audit.check_client(client_);
    audit.check_calls(calls);
    return all(report);
  }
  // As a client that has it all.
  void sees_everything() {
    for (const RecordPtr& record : log_.records(kEvents))
      if (!event_store::is_control(*record))
        client_.history.push_back(
            {static_cast<std::int64_t>(client_.history.size()) + 1,
             event_store::encode_event_frame(*record, "cursor", event_store::WireDialect::v1)});
  }
  [[nodiscard]] static Said said(const std::string& message, int first_said, int acknowledged) {
    return {.message_id = MessageId(message),
            .thread = "t",
            .agent = "echo",
            .content = "hello",
            .first_said = first_said,
            .acknowledged = acknowledged};
  }
  [[nodiscard]] LogId log_id() { return log_.open_session()->describe().log_id; }

  SimulatedScheduler scheduler_;
  SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  AuditOptions options_{};
  ClientAccount client_{"client", kUser};
  std::int64_t ord_ = 0;
  std::int64_t seq_ = 0;
  Timestamp now_{};

 private:
  std::map<std::string, std::int64_t> inbound_;
};

TEST_F(AuditedLog, AWholeHistoryHasNothingWrong) {
  has_a_run("m");
  client_.said = {said("m", 1, 2)};
  sees_everything();
  EXPECT_EQ(found(), "");
}

TEST_F(AuditedLog, InboundHasWhatWasSaidAndNothingElse) {
  has_a_run("m");
  EXPECT_NE(found().find("inbound has message m, which nobody said so"), std::string::npos);
  client_.said = {said("m", 1, 2)};
  for (std::string Said::*part : {&Said::content, &Said::thread, &Said::agent}) {
    std::string other = "other";
    std::swap(client_.said[0].*part, other);
    EXPECT_NE(found().find("which nobody said so"), std::string::npos);
    std::swap(client_.said[0].*part, other);
  }
  EXPECT_EQ(found().find("which nobody said so"), std::string::npos);
  sends("c", CancelRun{event_store::run_id_of(kUser, MessageId("m"))});
  EXPECT_NE(found().find("a cancel or an answer that nobody sent"), std::string::npos);
}

TEST_F(AuditedLog, WhatIsReceivedIsWhatWasSent) {
  says("m1");
  says("m2");
  claims();
  state("m1", MessageReceived{MessageId("m1"), "hullo", "echo"});
  EXPECT_NE(found().find("received that is not what was sent"), std::string::npos);
  state("m2", MessageDuplicate{MessageId("m2"), event_store::run_id_of(kUser, MessageId("m2"))});
  EXPECT_NE(found().find("called a duplicate that is none"), std::string::npos);
}

TEST_F(AuditedLog, NoMessageIsRefusedWithoutAReason) {
  says("m1");
  says("m2");
  claims();
  state("m1", MessageRejected{MessageId("m1"), RejectCode::queue_full, "no"});
  EXPECT_NE(found().find("has the outcome message_rejected"), std::string::npos);
  state("m2", MessageRejected{MessageId("m2"), RejectCode::poison, "no"});
  EXPECT_NE(found().find("a record was given up too soon"), std::string::npos);
}

TEST_F(AuditedLog, ACancelIsAcceptedWhileItsRunIsOpen) {
  const RunId run = event_store::run_id_of(kUser, MessageId("m"));
  has_a_run("m");
  sends("c1", CancelRun{run});
  state_as("c1", "m", CancelRejected{run, CancelRejectCode::run_ended});
  EXPECT_EQ(found().find("a cancel is refused"), std::string::npos);
  sends("c2", CancelRun{run});
  state_as("c2", "m", CancelRejected{run, CancelRejectCode::unknown_run});
  EXPECT_NE(found().find("a cancel is refused as unknown_run"), std::string::npos);
  sends("c3", CancelRun{run});
  state_as("c3", "m", CancelRequested{run, "ws_a"});
  EXPECT_NE(found().find("the cancel of a run that is not open"), std::string::npos);
}

TEST_F(AuditedLog, AnAnswerIsAcceptedOnceWhileItsRunIsOpen) {
  const RunId run = event_store::run_id_of(kUser, MessageId("m"));
  const RequestId request("r");
  const RunInput input{run, request, JsonText(R"({"confirmed":true})")};
  says("m", "ask");
  claims();
  state("m", MessageReceived{MessageId("m"), "hello", "ask"});
  state("m", AgentStarted{.agent = "ask", .agent_version = "1", .message_id = MessageId("m")});
  state("m", InputRequested{.step = Step(1),
                            .request_id = request,
                            .prompt = "Shall I?",
                            .schema = JsonText("{}"),
                            .expires = Timestamp(std::chrono::seconds(9))});
  sends("i1", input);
  state_as("i1", "m", RunInputRejected{run, request, InputRejectCode::unknown_request});
  EXPECT_NE(found().find("an answer is refused as unknown_request"), std::string::npos);
  sends("i2", input);
  state_as("i2", "m", RunInputReceived{run, request, JsonText(R"({"confirmed":false})")});
  EXPECT_NE(found().find("an answer is received that is not what was sent"), std::string::npos);
  sends("i3", input);
  state_as("i3", "m", RunInputReceived{run, request, input.data});
  EXPECT_NE(found().find("an answer is accepted that is already_answered"), std::string::npos);
}

TEST_F(AuditedLog, AQuestionExpiresNotBeforeItsTime) {
  const auto asks = [&](const std::string& message) {
    says(message, "ask");
    state(message, MessageReceived{MessageId(message), "hello", "ask"});
    state(message,
          AgentStarted{.agent = "ask", .agent_version = "1", .message_id = MessageId(message)});
    state(message, InputRequested{.step = Step(1),
                                  .request_id = RequestId("r"),
                                  .prompt = "Shall I?",
                                  .schema = JsonText("{}"),
                                  .expires = Timestamp(std::chrono::seconds(9))});
    state(message, AgentFailed{FailureCode::deadline, "nobody answered in time"});
  };
  claims();
  now_ = Timestamp(std::chrono::seconds(9));
  asks("late");
  EXPECT_EQ(found().find("its agent does not fail"), std::string::npos);
  now_ = Timestamp(std::chrono::seconds(8));
  asks("soon");
  EXPECT_NE(found().find("its agent does not fail"), std::string::npos);
  EXPECT_NE(found().find("the time of its user went back"), std::string::npos);
}

TEST_F(AuditedLog, WhatWasShownOnceComesAgain) {
  has_a_run("m");
  sees_everything();
  client_.seen_beyond = {{5, "{}"}};
  EXPECT_NE(found().find("was shown event 5, which did not come again"), std::string::npos);
}

TEST_F(AuditedLog, CommandsAreAnsweredOnceInTheirOrder) {
  says("m1");
  says("m2");
  claims();
  receives("m2");
  EXPECT_NE(found().find("were not answered once and in their order"), std::string::npos);
  receives("m1");
  EXPECT_NE(found().find("were not answered once and in their order"), std::string::npos);
}

TEST_F(AuditedLog, RunsEndOnceAndAreOfOneMessage) {
  says("m");
  claims();
  receives("m");
  EXPECT_NE(found().find("never ended"), std::string::npos);
  receives("m");
  EXPECT_NE(found().find("a run begins that has begun before"), std::string::npos);
}

TEST_F(AuditedLog, NothingComesBehindTheEndOfARun) {
  has_a_run("m");
  thinks("m");
  EXPECT_NE(found().find("of a run that is not open"), std::string::npos);
}

TEST_F(AuditedLog, SeqsCountWithoutAGap) {
  says("m");
  claims();
  ++seq_;
  receives("m");
  EXPECT_NE(found().find("has seq 2 where 1 is next"), std::string::npos);
}

TEST_F(AuditedLog, WhatNobodyCanActOnIsInQuarantineAndNothingElse) {
  has_a_run("m");
  options_.unusable.emplace(std::pair(Partition(0), Offset(1)), false);
  log_.put(kInbound, {.key = std::nullopt, .headers = {}, .value = "?"});
  EXPECT_NE(found().find("quarantine 0 holds 0 commands, and 1"), std::string::npos);
  log_.put({Topic::quarantine, Partition(0)}, {.key = std::nullopt, .headers = {}, .value = "?"});
  EXPECT_NE(found().find("quarantine holds what nobody can read"), std::string::npos);
}

TEST_F(AuditedLog, TheFoldIsHeldAgainstTheModel) {
  OwnershipFold model;
  event_store::Position position;
  claims();
  const RecordPtr claim = log_.records(kEvents).back();
  model.judge(*claim);
  event_store::fold(position, *claim);
  EXPECT_EQ(model.difference(position), "");
  for (const auto& change : std::vector<std::function<void(event_store::Position&)>>{
           [](auto& at) { ++at.epoch; }, [](auto& at) { at.claim.reset(); },
           [](auto& at) { ++at.owner_seq; }}) {
    auto changed = position;
    change(changed);
    EXPECT_NE(model.difference(changed), "");
  }
}

// What the agent does is known, so that every other step and end is wrong.
class RunOfEcho : public ::testing::Test {
 protected:
  RunOfEcho() {
    EXPECT_EQ(take(MessageReceived{MessageId("m"), "hello", "echo"}), "");
    EXPECT_EQ(
        take(AgentStarted{.agent = "echo", .agent_version = "1", .message_id = MessageId("m")}),
        "");
  }
  [[nodiscard]] std::string take(EventData data) {
    return oracle_.take({.id = EventId(Uuid{}),
                         .source = "/test",
                         .time = Timestamp{},
                         .user_id = kUser,
                         .thread_id = ThreadId("t"),
                         .run_id = kRun,
                         .attempt = std::nullopt,
                         .websocket_client_id = WebsocketClientId("ws_a"),
                         .seq = Seq(1),
                         .inbound_offset = Offset(0),
                         .epoch = Epoch(1),
                         .owner_seq = OwnerSeq(1),
                         .causation_id = "c",
                         .traceparent = std::nullopt,
                         .data = std::move(data)});
  }
  [[nodiscard]] std::string thinks() { return take(AgentThinking{Step(1), "echo"}); }
  static inline const RunId kRun = event_store::run_id_of(kUser, MessageId("m"));
  static inline const CallId kCall = event_store::call_id_of(kRun, Step(1));

 private:
  RunOracle oracle_{{.tries_max = 2}};
};

TEST_F(RunOfEcho, ThinksAndAnswers) {
  EXPECT_EQ(thinks(), "");
  EXPECT_EQ(take(AgentCompleted{"hello", "1"}), "");
}
TEST_F(RunOfEcho, DoesNotAnswerBeforeItThinks) {
  EXPECT_EQ(take(AgentCompleted{"hello", "1"}), "an answer before its last step");
}
TEST_F(RunOfEcho, AnswersWhatItWasTold) {
  EXPECT_EQ(thinks(), "");
  EXPECT_EQ(take(AgentCompleted{"hullo", "1"}), "another answer than its agent gives");
}
TEST_F(RunOfEcho, HasTheMemoryOfItsThread) {
  EXPECT_EQ(thinks(), "");
  EXPECT_EQ(take(AgentCompleted{"hello", "2"}), "another memory than that of its thread");
}
TEST_F(RunOfEcho, ThinksNothingElse) {
  EXPECT_EQ(take(AgentThinking{Step(1), "something"}), "a step that its agent does not take");
}
TEST_F(RunOfEcho, CallsNothing) {
  EXPECT_EQ(take(ToolCompleted{Step(1), kCall, "count", JsonText("{}"), std::nullopt}),
            "the result of a call that is not open");
  EXPECT_EQ(take(ToolExecuting{Step(1), kCall, "count", JsonText("{}")}),
            "a call that its agent does not make");
}
TEST_F(RunOfEcho, StartsOnce) {
  EXPECT_EQ(take(AgentStarted{.agent = "echo", .agent_version = "1", .message_id = MessageId("m")}),
            "a run that starts twice");
}
TEST_F(RunOfEcho, DoesNotFail) { EXPECT_NE(take(AgentFailed{FailureCode::deadline, "late"}), ""); }
TEST_F(RunOfEcho, IsGivenUpByNobody) {
  EXPECT_EQ(take(RunResumed{ResumeReason::owner_lost}), "");
  EXPECT_EQ(take(RunResumed{ResumeReason::owner_lost}), "");
  EXPECT_EQ(thinks(), "") << "and so begins to count anew";
  EXPECT_EQ(take(RunResumed{ResumeReason::owner_lost}), "");
  EXPECT_NE(take(AgentFailed{FailureCode::attempts_exhausted, "often"}), "");
}
TEST_F(RunOfEcho, IsGivenUpWhenItsOwnersAreLostWithoutAStep) {
  EXPECT_EQ(take(RunResumed{ResumeReason::owner_lost}), "");
  EXPECT_EQ(take(RunResumed{ResumeReason::owner_lost}), "");
  EXPECT_EQ(take(AgentFailed{FailureCode::attempts_exhausted, "often"}), "");
}
TEST_F(RunOfEcho, IsCancelledWhenSomebodyCancelsIt) {
  EXPECT_EQ(take(AgentCancelled{"cancelled", "ws_a"}), "a run was cancelled that nobody cancelled");
}
TEST_F(RunOfEcho, EndsNoOtherWayOnceItIsCancelled) {
  EXPECT_EQ(thinks(), "");
  EXPECT_EQ(take(CancelRequested{kRun, "ws_a"}), "");
  EXPECT_EQ(take(AgentCompleted{"hello", "1"}), "a run was to be cancelled and ended otherwise");
}

TEST_F(AuditedLog, AClientHasWhatTheLogHas) {
  has_a_run("m");
  EXPECT_NE(found().find("has 0 events of 4"), std::string::npos);
  sees_everything();
  std::swap(client_.history[1].frame, client_.history[2].frame);
  EXPECT_NE(found().find("has another event 2 than the log"), std::string::npos);
}

TEST_F(AuditedLog, AFrameShowsAllOfItsEvent) {
  has_a_run("m");
  const RecordPtr event = log_.records(kEvents).back();
  const std::string frame =
      event_store::encode_event_frame(*event, "cursor", event_store::WireDialect::v1);
  EXPECT_TRUE(shows(frame, *event));
  EXPECT_EQ(frame.find("memory"), std::string::npos);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"agent_completed", "agent_failed"},
                                                        {"\"seq\":4", "\"seq\":5"},
                                                        {"1970", "1971"},
                                                        {"user-0", "user-1"},
                                                        {"\"t\"", "\"u\""},
                                                        {"ws_a", "ws_b"},
                                                        {"hello", "hullo"},
                                                        {"\"attempt\":1", "\"attempt\":2"},
                                                        {"\"data\"", "\"more\":1,\"data\""}}) {
    std::string changed = frame;
    ASSERT_NE(changed.find(from), std::string::npos) << from << " in " << frame;
    changed.replace(changed.find(from), from.size(), to);
    EXPECT_FALSE(shows(changed, *event)) << changed;
  }
}

TEST_F(AuditedLog, WhatIsAcknowledgedIsThereOnceAndInItsOrder) {
  has_a_run("m1");
  sees_everything();
  client_.said = {said("m0", 1, 2)};
  EXPECT_NE(found().find("m0 was acknowledged and is lost"), std::string::npos);
  client_.said = {};
  client_.acknowledged_cancels = {"a run"};
  client_.acknowledged_answers = {"a request"};
  EXPECT_NE(found().find("the cancel of run a run"), std::string::npos);
  EXPECT_NE(found().find("the answer to a request"), std::string::npos);
  says("m2");
  receives("m2");
  says("m3");
  receives("m3");
  // Not of the one just before: m3 was acknowledged, then m1, then m2 was said.
  client_.said = {said("m3", 1, 2), said("m1", 3, 4), said("m2", 5, 6)};
  EXPECT_NE(found().find("message m2 overtook m3"), std::string::npos);
}

TEST_F(AuditedLog, ToolsAreCalledNoMoreThanStated) {
  has_a_run("m");
  const CallId call =
      event_store::call_id_of(event_store::run_id_of(kUser, MessageId("m")), Step(1));
  EXPECT_NE(found({{call, 1}}).find("more often than the log says"), std::string::npos);
}

// ---- the witness

// A process that reads what others append, and appends itself.
class Witnessed : public ::testing::Test {
 protected:
  static constexpr ownership_model::U32 kOwned = ownership_model::kOwned;
  static constexpr ownership_model::U32 kReceived = ownership_model::kReceived;
  static constexpr ownership_model::U32 kExecuting = ownership_model::kExecuting;

  void appends(const LogRecord& record) { view_.on_append(records_.of(record)); }
  // It is in the log, and the process judges it.
  void reads(const NewRecord& record) {
    const auto stored = std::make_shared<const Record>(
        Record{kEvents, Offset(next_++), Timestamp{}, record.key, record.headers, record.value});
    view_.begin_batch({{stored}});
    view_.on_judged(*stored);
  }
  void reads(const LogRecord& record) { reads(records_.of(record)); }
  void owns() {
    appends(kClaim);
    reads(kClaim);
  }
  [[nodiscard]] bool is_violated(const std::string& rule) const {
    return all(report_).find("rule " + rule + ":") != std::string::npos;
  }
  [[nodiscard]] bool is_quiet() const { return report_.violations.empty(); }

  static constexpr LogRecord kClaim{.kind = kOwned, .epoch = 1, .claim = 1};
  static constexpr LogRecord kFirst{.kind = kReceived, .epoch = 1, .seq = 1};
  static constexpr LogRecord kSecond{
      .kind = kReceived, .epoch = 1, .ord = 1, .user = 1, .seq = 1, .io = 1, .run = 1};
  static constexpr LogRecord kCall{.kind = kExecuting, .epoch = 1, .ord = 1, .seq = 2};

  const CallId call_ =
      event_store::call_id_of(event_store::run_id_of(UserId("user-0"), MessageId("m0")), Step(1));
  RunReport report_;
  OwnershipWitness witness_{report_};
  OwnershipWitness::View view_{witness_, "router", Partition(0)};
  RealRecords records_{LogId(Uuid{})};
  std::int64_t next_ = 0;
};

TEST_F(Witnessed, AnOwnerThatKeepsTheRules) {
  owns();
  appends(kFirst);
  appends(kCall);
  reads(kFirst);
  appends(kCall);  // all that is open, once more
  reads(kCall);
  witness_.on_call("router", call_);
  EXPECT_TRUE(is_quiet()) << all(report_);
}

TEST_F(Witnessed, AClaimIsOfTheNextEpochAndOfAnIdOfItsOwn) {
  appends({.kind = kOwned, .epoch = 2, .claim = 1});
  EXPECT_TRUE(is_violated("1"));
  report_.violations.clear();
  appends({.kind = kOwned, .epoch = 3, .claim = 1});
  EXPECT_NE(all(report_).find("a claim id that was used before"), std::string::npos);
}

TEST_F(Witnessed, AClaimGoesOnWhereTheLogSays) {
  appends({.kind = kOwned, .epoch = 1, .io = 1, .claim = 1});
  EXPECT_TRUE(is_violated("11"));
}

TEST_F(Witnessed, NothingIsStatedBeforeTheClaimIsRead) {
  appends(kClaim);
  appends(kFirst);
  EXPECT_TRUE(is_violated("4"));
}

TEST_F(Witnessed, NothingIsStatedOnceAHigherEpochWasRead) {
  owns();
  reads(LogRecord{.kind = kOwned, .epoch = 2, .claim = 2});
  appends(kFirst);
  EXPECT_TRUE(is_violated("4"));
}

TEST_F(Witnessed, NothingIsStatedAfterARelease) {
  owns();
  view_.on_append(
      event_store::encode_control({.id = "r",
                                   .source = "/test",
                                   .time = Timestamp{},
                                   .data = PartitionReleased{Epoch(1), RealRecords::claim_id(1)}}));
  EXPECT_TRUE(is_quiet()) << all(report_);
  appends(kFirst);
  EXPECT_TRUE(is_violated("4"));
}

TEST_F(Witnessed, NumbersAreNotSkipped) {
  owns();
  appends(kSecond);
  EXPECT_TRUE(is_violated("5"));
}

TEST_F(Witnessed, WhatIsSentAgainIsAllThatIsOpenInTheSameBytes) {
  owns();
  appends(kFirst);
  appends(kSecond);
  appends(kSecond);
  EXPECT_TRUE(is_violated("6")) << "not from the first on";
  report_.violations.clear();
  LogRecord changed = kFirst;
  changed.seq = 2;
  appends(changed);
  EXPECT_TRUE(is_violated("6"));
}

TEST_F(Witnessed, OutcomesComeFirstOnceAndInTheirOrder) {
  owns();
  appends({.kind = kExecuting, .epoch = 1, .seq = 1});
  EXPECT_TRUE(is_violated("8")) << "before the outcome";
  report_.violations.clear();
  appends({.kind = kReceived, .epoch = 1, .ord = 1, .seq = 1});
  EXPECT_TRUE(is_quiet()) << all(report_);
  appends({.kind = kReceived, .epoch = 1, .ord = 2, .seq = 2});
  EXPECT_TRUE(is_violated("8")) << "a second one";
}

TEST_F(Witnessed, OnlyWhatIsInQuarantineIsPassedOver) {
  owns();
  view_.on_quarantined(Offset(0));
  appends({.kind = kReceived, .epoch = 1, .seq = 1, .io = 1});
  EXPECT_TRUE(is_quiet()) << all(report_);
  appends({.kind = kReceived, .epoch = 1, .ord = 1, .seq = 2, .io = 3});
  EXPECT_TRUE(is_violated("10"));
}

TEST_F(Witnessed, ACheckpointStatesWhatWasReadBack) {
  owns();
  appends(kFirst);
  view_.on_append(records_.checkpoint_of({.kind = kOwned, .epoch = 1, .io = 1, .claim = 1}));
  EXPECT_TRUE(is_violated("11"));
}

TEST_F(Witnessed, ACallIsMadeOnceForAStatementThatWasReadBack) {
  owns();
  appends(kFirst);
  appends(kCall);
  reads(kFirst);
  witness_.on_call("router", call_);
  EXPECT_TRUE(is_violated("14")) << "not read back";
  report_.violations.clear();
  reads(kCall);
  witness_.on_call("another", call_);
  EXPECT_TRUE(is_violated("14")) << "by another process";
  report_.violations.clear();
  witness_.on_call("router", call_);
  EXPECT_TRUE(is_quiet()) << all(report_);
  witness_.on_call("router", call_);
  EXPECT_TRUE(is_violated("14")) << "twice";
}

TEST_F(Witnessed, ACallIsMadeByTheOwner) {
  owns();
  appends(kFirst);
  appends(kCall);
  reads(kFirst);
  reads(kCall);
  reads(LogRecord{.kind = kOwned, .epoch = 2, .claim = 2});
  witness_.on_call("router", call_);
  EXPECT_TRUE(is_violated("14"));
}

TEST_F(Witnessed, RecordsAreJudgedWithoutAGap) {
  ++next_;
  const auto stored =
      std::make_shared<const Record>(Record{kEvents, Offset(0), Timestamp{}, std::nullopt, {}, ""});
  view_.begin_batch({{stored}});
  view_.on_judged(*stored);
  view_.on_judged(*stored);
  EXPECT_TRUE(is_violated("16"));
}

}  // namespace
}  // namespace signalbox::simulation
