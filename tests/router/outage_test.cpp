// What a router does when the log does not answer, at each place where it asks: it waits, asks
// again, and then everything is as if nothing had been. No snapshot is refused for it, nobody is
// damaged, no partition stops.
#include <gtest/gtest.h>

#include "router/snapshot_codec.hpp"
#include "tests/router/ownership_test.hpp"
#include "tests/support/log_lines.hpp"

namespace signalbox::router {
namespace {

class Outage : public OwnershipTest {
 protected:
  using Asked = test_support::SimulatedEventLog::Asked;
  // Whatever is asked of `topic` has no answer until over().
  void begins(Topic topic, std::vector<Asked> asked = {Asked::read, Asked::bounds, Asked::tail}) {
    log_.set_outage([topic, asked](const TopicPartition& at, Asked what) {
      const bool is_meant = at.topic == topic && std::ranges::find(asked, what) != asked.end();
      return is_meant ? std::optional(Error{Errc::unavailable, "no broker says how far it reaches"})
                      : std::nullopt;
    });
  }
  void over() { log_.set_outage(nullptr); }

  void says_at_length(const std::string& user, const std::string& message,
                      const std::string& agent) {
    put(user, UserMessage{MessageId(message), ThreadId("t"), std::string(20'000, 'x'), agent});
  }
  // What the run of his message asked.
  void answers(const std::string& user, const std::string& message) {
    const RunId run = event_store::run_id_of(UserId(user), MessageId(message));
    const CallId request = event_store::call_id_of(run, Step(1));
    put(user,
        RunInput{run, RequestId(request.value().to_string()), JsonText(R"({"confirmed":true})")});
  }
  // Answered, with a snapshot; then the router is gone, in order.
  void lives_before(const std::string& user, const std::string& agent = "echo") {
    serves(a_);
    says_at_length(user, "before", agent);
    until(user + (agent == "ask" ? ":input_requested" : ":agent_completed"));
    a_.release();
    scheduler_.advance(seconds(5));
    a_.kill();
  }
  void expect_waits(seconds time = seconds(40)) {
    scheduler_.advance(time);
    EXPECT_FALSE(a_.is_serving());
    EXPECT_EQ(a_.why_not_serving(), "waits for the log: no broker says how far it reaches");
  }
  void expect_as_if_nothing_had_been() {
    EXPECT_TRUE(scheduler_.run_until([&] { return a_.is_serving(); }));
    EXPECT_EQ(a_.counters.states.snapshots_refused, refused_before_);
    EXPECT_EQ(a_.counters.states.users_damaged, 0u);
    EXPECT_FALSE(a_.stopped);
    EXPECT_EQ(superseded(), 0u);
  }
  [[nodiscard]] std::size_t claims() const {
    const auto records = log_.records({Topic::events, kSimulatedPartition});
    return static_cast<std::size_t>(std::ranges::count_if(records, [](const RecordPtr& record) {
      return name_of(*record) == "control.partition_owned";
    }));
  }
  [[nodiscard]] static int count(const std::string& text, const std::string& words) {
    int found = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++found;
    return found;
  }
  std::uint64_t refused_before_ = 0;
};

TEST_F(Outage, WhileItBeginsToFollow) {
  lives_before("u0");
  begins(Topic::events);
  a_.start();
  expect_waits();
  over();
  expect_as_if_nothing_had_been();
  says("u0", "m");
  until("u0:agent_completed");
  EXPECT_EQ(a_.counters.rebuilds, 0u);
}

TEST_F(Outage, WhileItTakesOver) {
  lives_before("u0");
  begins(Topic::inbound);
  a_.start();
  expect_waits();
  EXPECT_EQ(claims(), 2u) << "it owns the partition all the while";
  over();
  expect_as_if_nothing_had_been();
  says("u1", "m");
  until("u1:agent_completed");
}

TEST_F(Outage, WhileTheOldestCommandIsLookedFor) {
  says("u0", "m");
  put_control(claim_of_a_stranger(Epoch(1)));
  begins(Topic::inbound, {Asked::read, Asked::tail});
  a_.start();
  scheduler_.advance(seconds(40));
  EXPECT_FALSE(a_.is_serving());
  over();
  until("u0:agent_completed");
  expect_as_if_nothing_had_been();
  ASSERT_GE(checkpoints().size(), 1u);
  EXPECT_EQ(checkpoints().front().trying, (Trying{Offset(0), 1})) << "and it was tried alone";
}

// His snapshot has his long message by its place in the log.
TEST_F(Outage, WhileTheTextsOfASnapshotAreFetched) {
  options_.states.snapshot_bytes_max = 8'000;
  lives_before("u0", "ask");
  begins(Topic::events, {Asked::read});
  a_.start();
  expect_waits();
  over();
  expect_as_if_nothing_had_been();
  EXPECT_EQ(a_.counters.rebuilds, 0u);
  until("u0:run_resumed");
}

TEST_F(Outage, WhileAUserIsFoldedAgain) {
  lives_before("u0", "ask");
  event_store::Snapshot broken = *a_.snapshots.get(user_snapshot_key(UserId("u0"))).value();
  broken.bytes = "?";
  ASSERT_TRUE(a_.snapshots.put(user_snapshot_key(UserId("u0")), broken));
  refused_before_ = 1;
  a_.start();
  ASSERT_TRUE(scheduler_.run_until([&] { return a_.counters.rebuilds == 1; }));
  begins(Topic::events);
  scheduler_.advance(seconds(40));
  EXPECT_FALSE(a_.is_serving());
  over();
  expect_as_if_nothing_had_been();
  until("u0:run_resumed");
}

// He is met again while the partition is served, and is not in memory any more. What his snapshot
// speaks of was read here, so nobody needs to be asked, and nobody else waits.
TEST_F(Outage, WhileAUserIsLoaded) {
  options_.states.users_max = 1;
  serves(a_);
  for (const char* user : {"u0", "u1"}) {
    says(user, "before");
    until(std::string(user) + ":agent_completed");
  }
  begins(Topic::events, {Asked::read, Asked::bounds});
  says("u0", "before");
  until("u0:message_duplicate");
  over();
  expect_as_if_nothing_had_been();
  EXPECT_EQ(a_.counters.rebuilds, 0u);
}

// His snapshot speaks of more than was read: he waits until the log has said what it holds.
TEST_F(Outage, WhileASnapshotIsHeldAgainstTheLog) {
  lives_before("u0");
  event_store::Snapshot stored = *a_.snapshots.get(user_snapshot_key(UserId("u0"))).value();
  auto ahead = decode_user_snapshot(stored.bytes).value();
  ahead.at.next_offset = Offset(ahead.at.next_offset.value() + 1000);
  stored.bytes = encode_user_snapshot(ahead);
  ASSERT_TRUE(a_.snapshots.put(user_snapshot_key(UserId("u0")), stored));
  serves(a_);
  begins(Topic::events, {Asked::bounds});
  says("u0", "m");
  expect_waits();
  EXPECT_EQ(a_.counters.states.snapshots_refused, 0u) << "nothing is known against it yet";
  over();
  EXPECT_TRUE(scheduler_.run_until([&] { return outcomes().size() == 2; }));
  EXPECT_EQ(a_.counters.states.snapshots_refused, 1u);
  EXPECT_EQ(a_.counters.rebuilds, 1u);
  refused_before_ = 1;
  expect_as_if_nothing_had_been();
}

// Whoever follows is given a snapshot that is newer than what he asked the log about.
TEST_F(Outage, WhoFollowsAsksAgainForASnapshotThatCameMeanwhile) {
  serves(b_);
  says("u0", "first");
  until("u0:agent_completed");
  int asked = 0;
  log_.set_outage([&asked](const TopicPartition& at, Asked what) -> std::optional<Error> {
    asked += at.topic == Topic::events && what == Asked::bounds ? 1 : 0;
    return std::nullopt;
  });
  a_.start();
  a_.stop_reading();
  scheduler_.advance(milliseconds(10));
  EXPECT_EQ(asked, 1) << "where it begins";
  says("u0", "second");
  scheduler_.advance(minutes(2));
  b_.release();
  scheduler_.advance(seconds(5));
  b_.kill();
  const auto newer = b_.snapshots.get(user_snapshot_key(UserId("u0")));
  ASSERT_TRUE(newer && *newer);
  ASSERT_TRUE(a_.snapshots.put(user_snapshot_key(UserId("u0")), **newer));
  a_.read_again();
  says("u0", "third");
  EXPECT_TRUE(scheduler_.run_until([&] { return outcomes().size() == 3; }));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(a_.counters.rebuilds, 0u);
  expect_as_if_nothing_had_been();
}

// He left something running, by its place in the log, and goes on under another owner: his snapshot
// is needed for the first event of his that is read.
TEST_F(Outage, WhileItFollowsAnother) {
  options_.states.snapshot_bytes_max = 8'000;
  lives_before("u0", "ask");
  serves(b_);
  until("u0:run_resumed");
  b_.kill();
  begins(Topic::events, {Asked::read});
  a_.start();
  expect_waits();
  EXPECT_EQ(claims(), 2u) << "nobody claims what he does not know";
  over();
  expect_as_if_nothing_had_been();
  EXPECT_EQ(a_.counters.rebuilds, 0u);
  cancels("u0", "before");
  until("u0:agent_cancelled");
}

TEST_F(Outage, IsToldOnceWhenItBeginsAndOnceWhenItIsOver) {
  const test_support::LogLines lines;
  begins(Topic::inbound);
  a_.start();
  scheduler_.advance(minutes(10));
  over();
  expect_as_if_nothing_had_been();
  EXPECT_EQ(count(lines.text(), "waits for the log"), 1);
  EXPECT_EQ(count(lines.text(), "the log answers again"), 1);
}

TEST_F(Outage, ALogThatIsOverloadedIsGivenTheSameLessAndLessOften) {
  serves(a_);
  int tries = 0;
  log_.set_fate([&tries](const TopicPartition& at, const NewRecord& record) {
    if (at.topic != Topic::events || !is(record, "message_received"))
      return std::optional<AppendFate>();
    ++tries;
    return std::optional(
        AppendFate{.copies = 0, .report = AppendFate::Report::error, .error = Errc::overloaded});
  });
  says("u0", "m");
  scheduler_.advance(minutes(1));
  EXPECT_FALSE(a_.is_serving());
  EXPECT_GT(tries, 5);
  EXPECT_LT(tries, 30);
  log_.set_fate(nullptr);
  until("u0:agent_completed");
  expect_as_if_nothing_had_been();
}

TEST_F(Outage, WhoeverWaitsGivesThePartitionUpAtOnce) {
  begins(Topic::inbound);
  a_.start();
  scheduler_.advance(seconds(10));
  a_.release();
  scheduler_.advance(seconds(1));
  over();
  serves(b_);
  says("u0", "m");
  until("u0:agent_completed");
  for (const PartitionCheckpoint& checkpoint : checkpoints())
    EXPECT_FALSE(checkpoint.trying) << "it was released";
}

// Found by reading: its snapshot had lost the names of those it had not loaded, and their runs
// never ended.
TEST_F(Outage, WhoIsReleasedBeforeTheOpenUsersAreLoadedLeavesTheirNames) {
  lives_before("u0", "ask");
  begins(Topic::inbound);
  a_.start();
  scheduler_.advance(seconds(10));
  a_.release();
  scheduler_.advance(seconds(5));
  a_.kill();
  over();
  const auto before = events().size();
  serves(a_);
  scheduler_.advance(seconds(5));
  const Names names = events();
  EXPECT_NE(std::ranges::find(names.begin() + static_cast<std::ptrdiff_t>(before), names.end(),
                              "u0:run_resumed"),
            names.end());
}

// Found by the simulation: the run was told that nobody had answered in time.
TEST_F(Outage, AnAnswerThatWasTakenInTimeHoldsHoweverLateItCounts) {
  serves(a_);
  says("u", "m", "ask");
  until("u:input_requested");
  first("run_input_received", {.delay = minutes(2)});
  scheduler_.advance(minutes(4));
  answers("u", "m");
  until("u:agent_completed");
  EXPECT_FALSE(has("u:agent_failed"));
}

// Found by the simulation: the answer was accepted, and then the run was told all the same that
// nobody had answered, as its end still waited for a place in the open list.
TEST_F(Outage, AnAnswerIsRefusedOnceItsQuestionExpiredThoughTheEndStillWaitsForItsPlace) {
  options_.open_list.events_max = 8;
  serves(a_);
  says("u", "m", "ask");
  until("u:input_requested");
  scheduler_.advance(minutes(4));
  log_.set_fate([](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    return AppendFate{.delay = at.topic == Topic::events ? minutes(3) : minutes(0)};
  });
  for (const char* other : {"v", "w"}) says(other, "m");
  scheduler_.advance(minutes(2));
  answers("u", "m");
  until("u:run_input_rejected");
  EXPECT_LT(position_of("u:agent_failed"), position_of("u:run_input_rejected"));
  EXPECT_FALSE(has("u:run_input_received"));
}

// Found by reading: an answer that nobody asked for let the run's end pass the result of its tool,
// which was then lost.
TEST_F(Outage, AnAnswerNobodyAskedForDoesNotPassWhatTheRunHadToSay) {
  options_.open_list.events_max = 8;
  serves(a_);
  says("u", "m", "count");
  until("u:tool_executing");
  log_.set_fate([](const TopicPartition& at, const NewRecord&) -> std::optional<AppendFate> {
    return AppendFate{.delay = at.topic == Topic::events ? seconds(2) : seconds(0)};
  });
  cancels("u", "m");
  for (const char* other : {"v", "w"}) says(other, "m");
  scheduler_.advance(seconds(1));
  const RunId run = event_store::run_id_of(UserId("u"), MessageId("m"));
  put("u", RunInput{run, RequestId("stale"), JsonText("{}")});
  until("u:run_input_rejected");
  until("u:agent_cancelled");
  EXPECT_TRUE(has("u:tool_completed"));
}

}  // namespace
}  // namespace signalbox::router
