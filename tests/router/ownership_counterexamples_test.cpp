// The counterexamples of ops/decisions/ownership.md, section 6, as the owner meets them. What the
// fold alone has to say about each is in tests/log/ownership_counterexamples_test.cpp.
#include <gtest/gtest.h>

#include "tests/router/ownership_test.hpp"

namespace signalbox::router {
namespace {

class Ownership : public OwnershipTest {};

TEST_F(Ownership, C1_TheProducerGivesOneEventUpAndTheNextLandsThenTheOwnerCrashes) {
  serves(a_);
  first("message_received", kLostSilently);
  says("u0", "m");
  says("u1", "m");
  scheduler_.advance(milliseconds(1));
  a_.kill();
  b_.start();
  until("u0:agent_completed");
  until("u1:agent_completed");
  EXPECT_LT(position_of("u0:message_received"), position_of("u1:message_received"));
}

TEST_F(Ownership, C2_AGapIsNoCorruptionAndTheOwnerFillsIt) {
  serves(a_);
  first("message_received", kLostWithError);
  says("u0", "m");
  until("u0:agent_completed");
  EXPECT_EQ(events().front(), "u0:message_received");
}

TEST_F(Ownership, C6_TheResendIsAllOfTheOpenListInItsOrder) {
  serves(a_);
  first("message_received", {.copies = 1, .report = AppendFate::Report::error});
  says("u0", "m");
  says("u1", "m");
  until("u1:agent_completed");
  until("u0:agent_completed");
  EXPECT_LT(position_of("u0:message_received"), position_of("u1:message_received"));
}

TEST_F(Ownership, C7_NoSeqIsEverGivenToAnotherEventOfTheSameEpoch) {
  serves(a_);
  first("agent_started",
        {.copies = 1, .report = AppendFate::Report::error, .delay = seconds(3), .overtaken = true});
  says("u0", "m1");
  says("u0", "m2");
  until("u0:agent_completed");
  scheduler_.advance(seconds(10));
  std::map<std::string, std::string> by_id;
  for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition})) {
    const auto [known, is_new] =
        by_id.try_emplace(std::string(*record->header("ce_id")), record->value);
    EXPECT_TRUE(is_new || known->second == record->value);
  }
}

// The report of the statement comes before the claim that lies ahead of it is read.
TEST_F(Ownership, C8_ACallWhoseStatementLandsBehindAHigherEpochIsNotMade) {
  serves(a_);
  first("tool_executing", {.delay = seconds(5)});
  says("u0", "m", "count");
  until("u0:agent_started");
  ASSERT_TRUE(scheduler_.run_until([&] { return log_.in_flight() == 1; }));
  a_.stop_reading();
  serves(b_);
  until("u0:agent_completed");
  const auto calls_of_b = calls_;
  EXPECT_EQ(calls_of_b.size(), 2u);
  EXPECT_EQ(superseded(), 0u);
  scheduler_.advance(seconds(10));
  EXPECT_EQ(superseded(), 1u) << "what A stated has landed, and A knows";
  EXPECT_EQ(calls_, calls_of_b);
  b_.kill();
  a_.read_again();
  says("u1", "m");
  until("u1:agent_completed");
  EXPECT_EQ(calls_, calls_of_b);
}

// Two claims of one epoch under one name; whoever lost is long in coming back.
TEST_F(Ownership, C9_TwoProcessesOfOneNameHaveOneOwnerBetweenThem) {
  options_.claim_retry = std::chrono::hours(1);
  log_.set_fate([](const TopicPartition&, const NewRecord& record) {
    const bool is_claim = is(record, "control.partition_owned");
    return std::optional(AppendFate{.delay = milliseconds(is_claim ? 100 : 0)});
  });
  a_.start();
  b_.start();
  says("u0", "m", "count");
  until("u0:agent_completed");
  ASSERT_EQ(count_of(event_store::Verdict::ignored), 1u) << "both claimed the same epoch";
  EXPECT_NE(a_.is_serving(), b_.is_serving());
  EXPECT_EQ(count_of(event_store::Verdict::duplicate), 0u) << "a second owner states the same";
  EXPECT_EQ(std::ranges::count(events(), "u0:agent_completed"), 1);
  EXPECT_EQ(std::ranges::count(events(), "u0:message_received"), 1);
  EXPECT_EQ(calls_.size(), 2u);
  for (const auto& [call, times] : calls_) EXPECT_EQ(times, 1);
}

// The owner dies when the first, or the first two, of the outcomes have landed.
TEST_F(Ownership, C10_OutcomesComeInInboundOrderWhoeverTheUserIs) {
  log_.set_lies({.land_after_death = 0});
  for (int landed = 1; landed <= 2; ++landed) {
    const std::string message = "m" + std::to_string(landed);
    serves(a_);
    log_.set_fate([left = landed](const TopicPartition&, const NewRecord& record) mutable {
      const bool lands = left > 0 || !is(record, "message_received");
      if (is(record, "message_received")) --left;
      return std::optional(AppendFate{.delay = seconds(lands ? 0 : 5)});
    });
    const std::size_t before = outcomes().size();
    for (const char* user : {"u2", "u0", "u1"}) says(user, message);
    const std::size_t at_death = before + static_cast<std::size_t>(landed);
    ASSERT_TRUE(scheduler_.run_until(
        [&] { return log_.in_flight() > 0 && outcomes().size() == at_death; }, seconds(1)));
    a_.kill();
    serves(b_);
    EXPECT_TRUE(scheduler_.run_until([&] { return outcomes().size() >= before + 3; }))
        << "one of them was passed over for ever";
    b_.kill();
  }
  EXPECT_TRUE(std::ranges::is_sorted(outcomes()));
  EXPECT_EQ(outcomes().size(), 6u);
}

TEST_F(Ownership, C11_ACancelIsAnsweredBeforeTheAgentHasStoppedAndSurvivesACrash) {
  serves(a_);
  says("u0", "m", "count");
  until("u0:tool_executing");
  cancels("u0", "m");
  says("u1", "m");
  until("u0:cancel_requested");
  EXPECT_LT(position_of("u0:cancel_requested"), position_of("u1:message_received"));
  EXPECT_FALSE(has("u0:agent_cancelled"));
  a_.kill();
  b_.start();
  until("u0:agent_cancelled");
  EXPECT_FALSE(has("u0:agent_completed"));
}

// The agent's last word waits for a place in the open list; the cancel is answered meanwhile.
TEST_F(Ownership, C11_AfterACancelWasAnsweredNothingElseEndsTheRun) {
  options_.open_list.events_max = 8;
  serves(a_);
  log_.set_fate([](const TopicPartition& at, const NewRecord& record) -> std::optional<AppendFate> {
    if (at.topic != Topic::events) return AppendFate{};
    if (record.key != "u0") return AppendFate{.delay = milliseconds(500)};
    return AppendFate{.delay = milliseconds(is(record, "agent_thinking") ? 10 : 0)};
  });
  says("u0", "m");
  scheduler_.advance(milliseconds(1));
  for (const char* other : {"u1", "u2", "u3"}) says(other, "m");
  until("u0:agent_thinking");
  scheduler_.advance(milliseconds(10));
  EXPECT_FALSE(has("u0:agent_completed")) << "it should have found no place";
  cancels("u0", "m");
  until("u0:cancel_requested");
  until("u3:agent_completed");
  EXPECT_TRUE(has("u0:agent_cancelled"));
  EXPECT_FALSE(has("u0:agent_completed"));
}

TEST_F(Ownership, C12_NothingLaterIsAnsweredBeforeAQuarantineIsDurable) {
  serves(a_);
  first("quarantine", {.delay = seconds(2)});
  puts_nonsense();
  says("u1", "m");
  scheduler_.advance(seconds(1));
  EXPECT_FALSE(has("u1:message_received"));
  a_.kill();  // the append in flight dies with it, or not: a repeat has the same id
  b_.start();
  until("u1:agent_completed");
  const auto quarantined = log_.records({Topic::quarantine, kSimulatedPartition});
  ASSERT_FALSE(quarantined.empty());
  for (const RecordPtr& record : quarantined)
    EXPECT_EQ(record->header("ce_id"), quarantined.front()->header("ce_id"));
}

TEST_F(Ownership, C13_ARunThatWasOnlyReceivedIsOnTheToDoList) {
  serves(a_);
  first("agent_started", kLostSilently);
  says("u0", "m");
  until("u0:message_received");
  a_.kill();
  b_.start();
  until("u0:agent_completed");
  EXPECT_FALSE(has("u0:run_resumed")) << "it had not started";
}

// The one who claims again has stated the outcome itself, in its term before.
TEST_F(Ownership, C14_AClaimSaysWhatWasReadBackNotWhatWasMeant) {
  serves(a_);
  first("message_received", kLostSilently);
  says("u0", "m");
  scheduler_.advance(milliseconds(1));
  put_control(claim_of_a_stranger(Epoch(2)));
  until("u0:agent_completed");
  expect_stated_resume_was_read_back(3);
}

// An earlier event of the owner is read back while the outcome stated after it is lost.
TEST_F(Ownership, C14_ACheckpointSaysWhatWasReadBackNotWhatWasMeant) {
  options_.checkpoint_records = 1;
  log_.set_lies({.land_after_death = 0});
  serves(a_);
  log_.set_fate([](const TopicPartition&, const NewRecord& record) {
    if (record.key == "u0") return std::optional(kLostSilently);
    return std::optional(AppendFate{.delay = milliseconds(10)});
  });
  says("u1", "m");
  says("u0", "m");
  until("u1:message_received");
  scheduler_.advance(milliseconds(20));
  EXPECT_GE(checkpoints().size(), 1u) << "they are about what could be read back";
  a_.kill();
  log_.set_fate({});
  serves(b_);
  until("u0:agent_completed");
  until("u1:agent_completed");
  expect_stated_resume_was_read_back(2);
}

TEST_F(Ownership, AZombieThatWakesUpChangesNothing) {
  serves(a_);
  says("u0", "m", "count");
  until("u0:tool_executing");
  a_.pause();
  b_.start();
  until("u0:agent_completed");
  const Names before = events();
  a_.go_on();
  b_.kill();
  says("u1", "m");
  until("u1:agent_completed");
  const Names after = events();
  EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin()));
  EXPECT_EQ(std::ranges::count(after, "u0:agent_completed"), 1);
}

// Poison (design 3): whoever takes the record up dies of it.
TEST_F(Ownership, ARecordThatKillsThreeOwnersIsQuarantinedByTheFourth) {
  serves(a_);
  says("u1", "m0");
  until("u1:agent_completed");
  a_.kill();
  says("u0", "m");
  says("u1", "m1");
  for (int death = 1; death <= 3; ++death) {
    // Nothing that is decided after the record was tried reaches the log.
    log_.set_fate([](const TopicPartition& at, const NewRecord& record) {
      const bool dies = at.topic == Topic::events &&
                        !record.headers.find("ce_type")->starts_with("dev.signalbox.control");
      return std::optional(dies ? kLostSilently : AppendFate{});
    });
    b_.start();
    scheduler_.advance(seconds(1));
    b_.kill();
  }
  log_.set_fate(
      [](const TopicPartition&, const NewRecord&) { return std::optional(AppendFate{}); });
  b_.start();
  until("u1:agent_completed");
  until("u0:message_rejected");
  EXPECT_FALSE(has("u0:message_received"));
  EXPECT_TRUE(scheduler_.run_until([&] {
    return std::ranges::count(events(), "u1:agent_completed") == 2;
  })) << "the next record is served";
  const auto quarantined = log_.records({Topic::quarantine, kSimulatedPartition});
  ASSERT_EQ(quarantined.size(), 1u);
  EXPECT_EQ(event_store::decode_quarantined(*quarantined.front())->reason, "poison");
}

TEST_F(Ownership, TimeWithoutAnOwnerIsNotTheRunsTimeHoweverOften) {
  options_.supervisor.run_deadline = seconds(1);
  options_.supervisor.run_left_min = milliseconds(1);
  serves(a_);
  says("u0", "m", "count");
  until("u0:tool_executing");
  a_.kill();
  scheduler_.advance(minutes(20));
  b_.start();
  until("u0:agent_thinking");
  b_.kill();
  scheduler_.advance(minutes(20));
  a_.start();
  until("u0:agent_completed");
  EXPECT_FALSE(has("u0:agent_failed"));
}

// The answer is at the resume point of a lost owner, so it is taken before any run is resumed.
TEST_F(Ownership, ARunWhoseAnswerIsTriedFirstTakesOnePlaceAmongTheStartedOnes) {
  options_.started_runs_max = 1;
  serves(a_);
  says("u0", "m", "ask");
  until("u0:input_requested");
  a_.kill();
  const RunId run = event_store::run_id_of(UserId("u0"), MessageId("m"));
  const auto request = event_store::call_id_of(run, Step(1)).value().to_string();
  put("u0", RunInput{run, RequestId(request), JsonText(R"({"confirmed":true})")});
  serves(b_);
  until("u0:agent_completed");
  says("u1", "m");
  until("u1:agent_completed");
}

}  // namespace
}  // namespace signalbox::router
