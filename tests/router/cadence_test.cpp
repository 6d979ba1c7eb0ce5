// How often an owner writes checkpoints and snapshots and how long its release waits (contract 8,
// 9), with the defaults, in virtual time.
#include <gtest/gtest.h>

#include "router/snapshot_codec.hpp"
#include "tests/router/ownership_test.hpp"

namespace signalbox::router {
namespace {

class Cadence : public OwnershipTest {
 protected:
  // One message of that user and its four events, without time moving.
  void has_a_run(const std::string& user) {
    says(user, "m" + std::to_string(++messages_));
    scheduler_.run_until_idle();
  }
  void has_agent_slow(milliseconds duration, OnUnknown on_unknown, AgentDeadlines deadlines = {}) {
    agents_.add(std::make_unique<testing::SlowToolAgent>(duration, on_unknown, slow_), deadlines);
    options_.rules.agents = agents_.names();
  }
  [[nodiscard]] Names controls() const {
    Names names;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      if (event_store::is_control(*record)) names.push_back(name_of(*record));
    return names;
  }
  [[nodiscard]] std::optional<UserSnapshot> snapshot_of(const std::string& user) {
    const auto stored = a_.snapshots.get(user_snapshot_key(UserId(user))).value();
    if (!stored) return std::nullopt;
    return decode_user_snapshot(stored->bytes).value();
  }
  [[nodiscard]] std::optional<Offset> partition_snapshot_at() {
    const auto stored = a_.snapshots.get(partition_snapshot_key(kSimulatedPartition)).value();
    if (!stored) return std::nullopt;
    return decode_partition_snapshot(stored->bytes).value().at.next_offset;
  }
  [[nodiscard]] Offset end() const {
    return log_.records({Topic::events, kSimulatedPartition}).back()->offset.next();
  }
  std::shared_ptr<testing::SlowToolCalls> slow_ = std::make_shared<testing::SlowToolCalls>();

 private:
  int messages_ = 0;
};

// Of a message, its command and four events: five records.
TEST_F(Cadence, ACheckpointEveryThousandRecords) {
  serves(a_);
  for (int i = 1; i <= 600; ++i) {
    has_a_run("u" + std::to_string(i));
    ASSERT_EQ(checkpoints().size(), static_cast<std::size_t>(i / 200)) << i << " messages";
  }
}

TEST_F(Cadence, ACheckpointAfterThirtySecondsOfActivityAndNoneWithout) {
  serves(a_);
  has_a_run("u");
  scheduler_.advance(seconds(29));
  EXPECT_EQ(checkpoints().size(), 0u);
  scheduler_.advance(seconds(6));
  EXPECT_EQ(checkpoints().size(), 1u);
  scheduler_.advance(minutes(10));
  EXPECT_EQ(checkpoints().size(), 1u);
  has_a_run("u");
  scheduler_.advance(seconds(6));
  EXPECT_EQ(checkpoints().size(), 2u) << "the last one is long ago";
}

TEST_F(Cadence, ACheckpointAtOnceAfterAQuarantineWithoutAnEvent) {
  serves(a_);
  puts_nonsense();
  scheduler_.run_until_idle();
  ASSERT_EQ(checkpoints().size(), 1u);
  EXPECT_EQ(checkpoints().front().inbound_next, Offset(1));
}

TEST_F(Cadence, ACheckpointBeforeTheRelease) {
  serves(a_);
  has_a_run("u");
  a_.release();
  scheduler_.run_until_idle();
  EXPECT_EQ(controls(), (Names{"control.log_genesis", "control.partition_owned",
                               "control.partition_checkpoint", "control.partition_released"}));
  EXPECT_EQ(checkpoints().front().inbound_next, Offset(1));
}

TEST_F(Cadence, ASnapshotOfAUserEveryTwoHundredEventsOfHis) {
  serves(a_);
  for (int i = 1; i <= 110; ++i) {
    has_a_run("u");
    has_a_run("other" + std::to_string(i));
    const auto snapshot = snapshot_of("u");
    ASSERT_EQ(snapshot.has_value(), i >= 50) << i << " runs of four events";
    if (snapshot) {
      ASSERT_EQ(snapshot->state.chain.seq, Seq(i >= 100 ? 400 : 200));
    }
  }
  EXPECT_FALSE(snapshot_of("other1"));
}

TEST_F(Cadence, ASnapshotOfAUserAMinuteAfterHisLastEvent) {
  options_.snapshot_interval = minutes(60);
  serves(a_);
  has_a_run("u");
  scheduler_.advance(seconds(40));
  has_a_run("u");
  scheduler_.advance(seconds(59));
  EXPECT_FALSE(snapshot_of("u")) << "counted from his last one";
  scheduler_.advance(seconds(6));
  ASSERT_TRUE(snapshot_of("u"));
  EXPECT_EQ(snapshot_of("u")->state.chain.seq, Seq(8));
}

TEST_F(Cadence, ASnapshotOfThePartitionAfterAMinuteOfActivityAndNoneWithout) {
  serves(a_);
  has_a_run("u");
  scheduler_.advance(seconds(59));
  EXPECT_FALSE(partition_snapshot_at());
  scheduler_.advance(seconds(6));
  EXPECT_TRUE(snapshot_of("u")) << "whoever has events before it has his own";
  ASSERT_TRUE(partition_snapshot_at());
  const Offset first = *partition_snapshot_at();
  EXPECT_GE(first + 1, end());
  const auto written = a_.counters.states.snapshots_written.load();
  scheduler_.advance(minutes(10));
  EXPECT_EQ(a_.counters.states.snapshots_written, written);
  has_a_run("u");
  scheduler_.advance(seconds(65));
  EXPECT_GT(*partition_snapshot_at(), first);
}

// His next event is stated before the last one is read back, for as long as he likes.
TEST_F(Cadence, AUserWhoIsNeverQuietKeepsThePartitionsSnapshotFiveMinutesBehindAtMost) {
  serves(a_);
  log_.set_fate([](const TopicPartition&, const NewRecord&) {
    return std::optional(AppendFate{.delay = milliseconds(1500)});
  });
  std::vector<Offset> ends;  // at each second
  for (int second = 0; second < 1200; ++second) {
    put("u", UserMessage{MessageId("m" + std::to_string(second)),
                         ThreadId("t" + std::to_string(second % 8)), "hello", "echo"});
    scheduler_.advance(seconds(1));
    ends.push_back(end());
    if (second < 300) continue;
    ASSERT_TRUE(partition_snapshot_at()) << "after " << second << " s";
    ASSERT_GE(*partition_snapshot_at(), ends[static_cast<std::size_t>(second) - 300]);
  }
  scheduler_.advance(minutes(1));
  EXPECT_EQ(std::ranges::count(events(), "u:agent_completed"), 1200) << "and he is served";
}

class ReleaseGrace : public Cadence {
 protected:
  void calls_a_tool_of(milliseconds duration) {
    has_agent_slow(duration, OnUnknown::fail);
    serves(a_);
    says("u", "m", "slow");
    scheduler_.run_until_idle();
    ASSERT_EQ(slow_->started, 1);
    a_.release();
  }
  [[nodiscard]] bool is_released() const {
    return controls().back() == "control.partition_released";
  }
};

TEST_F(ReleaseGrace, IsWaitedForNoLongerThanTheStepTakes) {
  calls_a_tool_of(seconds(15));
  scheduler_.advance(milliseconds(14'900));
  EXPECT_FALSE(is_released());
  EXPECT_FALSE(has("u:tool_completed"));
  scheduler_.advance(milliseconds(200));
  EXPECT_TRUE(is_released());
  EXPECT_TRUE(has("u:tool_completed"));
  EXPECT_FALSE(has("u:agent_completed")) << "no further step";
  serves(b_);
  until("u:agent_completed");
  EXPECT_EQ(slow_->started, 1);
}

// Found by the simulation: a router that was given the partition again never served it.
TEST_F(ReleaseGrace, EndsThoughTheLogNeverAnswersAboutTheRelease) {
  first("control.partition_released", kLostSilently);
  serves(a_);
  a_.release();
  scheduler_.advance(milliseconds(19'900));
  EXPECT_TRUE(a_.is_owner());
  scheduler_.advance(milliseconds(200));
  EXPECT_FALSE(a_.is_owner());
  a_.start();
  has_a_run("u");
}

// Found by the simulation's witness of the ownership rules: what was due to be sent again was, by
// who had just read that the partition was somebody else's. Chance orders a task and a timer that
// is due, so that it is played several times.
TEST_F(ReleaseGrace, EndsWithAHigherEpochAndNothingIsSentAgain) {
  int sent_by_no_owner = 0;
  int sent_again = 0;
  for (int round = 1; round <= 16; ++round) {
    serves(a_);
    first("message_received", kLostWithError);
    says("u" + std::to_string(round), "m");
    scheduler_.advance(milliseconds(1));
    a_.release();
    a_.pause();
    event_store::Position position;
    for (const RecordPtr& record : log_.records({Topic::events, kSimulatedPartition}))
      event_store::fold(position, *record);
    put_control(claim_of_a_stranger(position.epoch.next()));
    scheduler_.advance(seconds(5));
    log_.set_fate([&](const TopicPartition&, const NewRecord&) {
      ++(a_.is_owner() ? sent_again : sent_by_no_owner);
      return std::optional(AppendFate{});
    });
    a_.go_on();
    scheduler_.advance(seconds(30));
    EXPECT_FALSE(a_.is_owner());
    log_.set_fate({});
  }
  EXPECT_GT(sent_again, 0) << "before it was read";
  EXPECT_EQ(sent_by_no_owner, 0);
}

TEST_F(ReleaseGrace, IsTwentySecondsThenTheStepIsLeft) {
  calls_a_tool_of(seconds(50));
  scheduler_.advance(milliseconds(19'900));
  EXPECT_FALSE(is_released());
  EXPECT_EQ(slow_->abandoned, 0);
  scheduler_.advance(milliseconds(200));
  EXPECT_TRUE(is_released());
  EXPECT_EQ(slow_->abandoned, 1);
  scheduler_.advance(minutes(2));
  EXPECT_TRUE(is_released()) << "nothing is written after it";
  serves(b_);
  until("u:agent_completed");
}

TEST_F(Cadence, ARunHasFifteenMinutesUnlessItsAgentHasAnotherDeadline) {
  has_agent_slow(minutes(40), OnUnknown::retry, {.step = minutes(60), .run = minutes(30)});
  serves(a_);
  says("u", "m", "slow");
  scheduler_.advance(minutes(29));
  EXPECT_FALSE(has("u:agent_failed"));
  scheduler_.advance(minutes(2));
  EXPECT_TRUE(has("u:agent_failed"));
}

// A run of which nothing is left; its next tool call takes 30 ms.
TEST_F(Cadence, ARunThatIsResumedHasASecondAtLeast) {
  options_.supervisor.run_deadline = milliseconds(31);
  serves(a_);
  says("u", "m", "count");
  until("u:agent_thinking");
  a_.kill();
  serves(b_);
  until("u:agent_completed");
}

}  // namespace
}  // namespace signalbox::router
