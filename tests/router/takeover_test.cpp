// What a router looks at before it goes on where another one stopped: whether inbound still holds
// that place (contract 8, ownership rule 18), and whether the record there kills its owners.
#include <gtest/gtest.h>

#include "tests/router/ownership_test.hpp"

namespace signalbox::router {
namespace {

class Takeover : public OwnershipTest {
 protected:
  // Why the partition stopped; empty where it is served.
  std::string why_stopped() {
    a_.may_stop = true;
    a_.start();
    EXPECT_TRUE(scheduler_.run_until([&] { return a_.stopped || a_.is_serving(); }));
    EXPECT_NE(a_.stopped.has_value(), a_.is_serving());
    if (!a_.stopped) return {};
    EXPECT_EQ(a_.stopped->code, Errc::corrupt);
    scheduler_.advance(minutes(1));
    EXPECT_EQ(events(), Names{}) << "whoever stopped states nothing";
    return a_.stopped->message;
  }
  void lost_while_trying(Epoch epoch, Trying trying) {
    const PartitionOwned claim = claim_of_a_stranger(epoch);
    put_control(claim);
    put_control(PartitionCheckpoint{.log_id = log_id(),
                                    .epoch = epoch,
                                    .claim_id = claim.claim_id,
                                    .inbound_next = Offset(0),
                                    .fold_at = {.offset = Offset(1),
                                                .epoch = Epoch(0),
                                                .claim_id = claim.claim_id,
                                                .owner_seq = OwnerSeq(0),
                                                .inbound_next = Offset(0)},
                                    .trying = trying});
  }
  [[nodiscard]] bool b_serves_within(milliseconds time) {
    scheduler_.advance(time);
    return b_.is_serving();
  }
  void lost_before_it_tried(Epoch epoch) { put_control(claim_of_a_stranger(epoch)); }
};

// Found by reading: the report was taken for one of the next claim, which was then made twice.
TEST_F(Takeover, WhatIsReportedOfAClaimThatIsOverClaimsNothing) {
  int claims = 0;
  log_.set_fate([&](const TopicPartition&, const NewRecord& record) -> std::optional<AppendFate> {
    if (!is(record, "control.partition_owned")) return std::nullopt;
    if (++claims == 1) return AppendFate{.copies = 0, .delay = milliseconds(50)};
    return AppendFate{.delay = seconds(2)};
  });
  a_.start();
  EXPECT_TRUE(scheduler_.run_until([&] { return claims == 1; }));
  put_control(claim_of_a_stranger(Epoch(2)));
  EXPECT_TRUE(scheduler_.run_until([&] { return a_.is_serving(); }));
  EXPECT_EQ(claims, 2) << "the one that was lost, and one behind the stranger";
}

TEST_F(Takeover, CommandsThatAreGoneBeforeTheyWereTakenStopThePartition) {
  for (const char* user : {"u0", "u1", "u2"}) says(user, "m");
  log_.forget_oldest({Topic::inbound, kSimulatedPartition}, 2);
  EXPECT_EQ(why_stopped(), "commands were lost: inbound begins at offset 2, work goes on at 0");
}

TEST_F(Takeover, CommandsThatAreGoneAfterTheyWereTakenDoNot) {
  for (const char* user : {"u0", "u1", "u2"}) says(user, "m");
  log_.forget_oldest({Topic::inbound, kSimulatedPartition}, 2);
  put_control(claim_of_a_stranger(Epoch(1), Offset(2)));
  EXPECT_EQ(why_stopped(), "");
  until("u2:agent_completed");
}

TEST_F(Takeover, AResumePointBeyondInboundsEndStopsThePartition) {
  says("u0", "m");
  put_control(claim_of_a_stranger(Epoch(1), Offset(2)));
  EXPECT_EQ(why_stopped(), "the log regressed: inbound ends at offset 1, work goes on at 2");
}

TEST_F(Takeover, AResumePointAtInboundsEndDoesNot) {
  says("u0", "m");
  put_control(claim_of_a_stranger(Epoch(1), Offset(1)));
  EXPECT_EQ(why_stopped(), "");
  says("u1", "m");
  until("u1:agent_completed");
}

// It claimed an epoch that every fold calls malformed, and waited for ever to read it back.
TEST_F(Takeover, AnEpochNobodyCanCountOnFromStopsThePartition) {
  const std::int64_t last = kCountMax<std::int64_t>;
  put_control(claim_of_a_stranger(Epoch(last)));
  EXPECT_EQ(why_stopped(), "no epoch is left to claim: the log has epoch " + std::to_string(last));
}

// Three died of it, as far as the log says.
TEST_F(Takeover, ARecordTriedThreeTimesIsPoison) {
  says("u0", "m");
  lost_while_trying(Epoch(1), {Offset(0), 3});
  serves(a_);
  until("u0:message_rejected");
  EXPECT_FALSE(has("u0:message_received"));
}

TEST_F(Takeover, OwnershipsThatDidNotTryTheRecordDoNotCount) {
  says("u0", "m");
  lost_while_trying(Epoch(1), {Offset(0), 2});
  for (int epoch = 2; epoch <= 6; ++epoch) lost_before_it_tried(Epoch(epoch));
  serves(a_);
  until("u0:agent_completed");
  ASSERT_GE(checkpoints().size(), 2u);
  EXPECT_EQ(checkpoints()[1].trying, (Trying{Offset(0), 3}));
}

TEST_F(Takeover, TriesOfAnotherRecordDoNotCount) {
  says("u0", "m");
  says("u1", "m");
  lost_while_trying(Epoch(1), {Offset(0), 3});
  put_control(claim_of_a_stranger(Epoch(2), Offset(1)));
  serves(a_);
  until("u1:agent_completed");
  ASSERT_GE(checkpoints().size(), 2u);
  EXPECT_EQ(checkpoints()[1].trying, (Trying{Offset(1), 1}));
}

// Written by one who had lost the partition already.
TEST_F(Takeover, TriesThatASupersededOwnerSpeaksOfDoNotCount) {
  says("u0", "m");
  lost_before_it_tried(Epoch(2));
  lost_while_trying(Epoch(1), {Offset(0), 3});
  serves(a_);
  until("u0:agent_completed");
}

TEST_F(Takeover, ARecordIsNotTriedAfterARelease) {
  serves(a_);
  a_.release();
  scheduler_.advance(seconds(1));
  says("u0", "m");
  serves(b_);
  until("u0:agent_completed");
  for (const PartitionCheckpoint& checkpoint : checkpoints()) EXPECT_FALSE(checkpoint.trying);
}

// Its owner is in the middle of a call, which takes longer than silence is borne.
TEST_F(Takeover, AStepUnderWayIsNotCutShort) {
  options_.release_patience = milliseconds(10);
  options_.release_sign = milliseconds(3);
  serves(a_);
  says("u0", "m", "count");
  until("u0:tool_executing");
  b_.start();
  a_.release();
  until("u0:agent_completed");
  EXPECT_TRUE(has("u0:run_resumed"));
  for (const auto& [call, count] : calls_) EXPECT_EQ(count, 1) << call.value().to_string();
  EXPECT_EQ(superseded(), 0u);
}

TEST_F(Takeover, TheSnapshotsAreToldWhoOwnsThePartitionAndWhoDoesNotAnyMore) {
  serves(a_);
  EXPECT_TRUE(a_.snapshots.is_owned(kSimulatedPartition));
  a_.pause();
  serves(b_);
  EXPECT_TRUE(b_.snapshots.is_owned(kSimulatedPartition));
  a_.go_on();
  EXPECT_TRUE(scheduler_.run_until([&] { return !a_.snapshots.is_owned(kSimulatedPartition); }));
  a_.kill();
  b_.release();
  EXPECT_TRUE(scheduler_.run_until([&] { return !b_.snapshots.is_owned(kSimulatedPartition); }));
  EXPECT_FALSE(b_.is_serving());
}

TEST_F(Takeover, WhoSaysNothingIsWaitedForAShortWhile) {
  serves(a_);
  a_.pause();
  b_.start();
  EXPECT_FALSE(b_serves_within(options_.release_patience / 2));
  EXPECT_TRUE(b_serves_within(options_.release_patience));
}

TEST_F(Takeover, WhoReleasesIsWaitedForNoLonger) {
  options_.release_patience = minutes(1);
  serves(a_);
  b_.start();
  EXPECT_FALSE(b_serves_within(seconds(5)));
  a_.release();
  EXPECT_TRUE(b_serves_within(seconds(1)));
}

// Found by reading: the claim landed with nobody behind it, like that of an owner who was lost.
TEST_F(Takeover, AClaimThatWasOnItsWayWhenItWasGivenUpIsReleased) {
  first("control.partition_owned", {.delay = milliseconds(100)});
  a_.start();
  scheduler_.advance(milliseconds(20));
  a_.release();
  scheduler_.advance(seconds(1));
  const auto records = log_.records({Topic::events, kSimulatedPartition});
  EXPECT_EQ(name_of(*records.back()), "control.partition_released");
  b_.start();
  EXPECT_TRUE(b_serves_within(options_.release_patience / 2)) << "nobody is waited for";
}

TEST_F(Takeover, AClaimThatIsNeverAnsweredIsGivenUp) {
  first("control.partition_owned", kLostSilently);
  a_.start();
  scheduler_.advance(milliseconds(20));
  a_.release();
  EXPECT_TRUE(scheduler_.run_until([&] { return a_.is_released(); }));
}

TEST_F(Takeover, WhoWaitsOwnsNothingYet) {
  options_.release_patience = minutes(1);
  b_.start();
  EXPECT_FALSE(b_.has_caught_up());
  b_.kill();
  serves(a_);
  b_.start();
  scheduler_.advance(seconds(5));
  EXPECT_TRUE(a_.is_owner());
  EXPECT_TRUE(b_.has_caught_up());
  EXPECT_FALSE(b_.is_owner());
  a_.release();
  EXPECT_TRUE(b_serves_within(seconds(1)));
  EXPECT_TRUE(b_.is_owner());
  EXPECT_FALSE(a_.is_owner());
}

TEST_F(Takeover, WhoOnlyTalksIsNotWaitedForForEver) {
  options_.release_grace = seconds(1);
  serves(a_);
  b_.start();
  for (int i = 0; i < 8; ++i) {
    says("u" + std::to_string(i), "m");
    EXPECT_FALSE(b_serves_within(milliseconds(100)));
  }
  for (int i = 8; i < 24; ++i) {
    says("u" + std::to_string(i), "m");
    scheduler_.advance(milliseconds(100));
  }
  EXPECT_TRUE(b_.is_serving());
}

}  // namespace
}  // namespace signalbox::router
