// What a router does when snapshots cannot be written: a user is too large for one, the store has
// no place, a partition has too many users with open runs.
#include <gtest/gtest.h>

#include "router/snapshot_codec.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::router {
namespace {

class SnapshotLimits : public ::testing::Test {
 protected:
  // Users of the first one's partition.
  std::vector<std::string> users_of_one_partition(int count) {
    std::vector<std::string> users;
    for (int i = 0; users.size() < static_cast<std::size_t>(count); ++i) {
      const std::string user = "user-" + std::to_string(i);
      if (users.empty() || router.partition_of(user) == router.partition_of(users.front()))
        users.push_back(user);
    }
    return users;
  }
  std::optional<event_store::Snapshot> snapshot_of(const std::string& user) {
    return router.snapshots.get(user_snapshot_key(UserId(user))).value();
  }
  std::optional<PartitionSnapshot> partition_snapshot_of(const std::string& user) {
    const auto key = partition_snapshot_key(router.partition_of(user));
    const auto stored = router.snapshots.get(key).value();
    if (!stored) return std::nullopt;
    return decode_partition_snapshot(stored->bytes).value();
  }
  [[nodiscard]] const UserStatesCounters& counters() { return router.router().counters().states; }

  RouterOnLog router;
};

TEST_F(SnapshotLimits, AUserTooLargeForASnapshotIsFoldedFromTheLog) {
  const auto users = users_of_one_partition(2);
  router.options.states.snapshot_bytes_max = 3000;
  router.options.states.snapshot_events = 5;
  router.start();
  router.says(users[1], "m0");
  ASSERT_TRUE(router.has(users[1], "agent_completed"));
  const auto says_all = [&] {
    for (int i = 0; i < 40; ++i)
      router.says(users[0], "m" + std::to_string(i), "echo", "hello", "t" + std::to_string(i % 8));
  };
  says_all();
  ASSERT_TRUE(router.has(users[0], "agent_completed", 40));
  ASSERT_TRUE(RouterOnLog::eventually([&] { return counters().snapshots_too_large > 0; }));
  router.drain();
  ASSERT_TRUE(snapshot_of(users[1]));
  const auto his = snapshot_of(users[0]);
  const Seq covered(his ? his->order : 0);
  EXPECT_LT(covered, router.history(users[0]).back().seq);
  router.start();
  says_all();
  // history() checks that seq and chain go on.
  EXPECT_TRUE(router.has(users[0], "message_duplicate", 40));
  router.says(users[1], "m0");
  EXPECT_TRUE(router.has(users[1], "message_duplicate"));
}

TEST_F(SnapshotLimits, TextsAreLeftInTheLogSoThatAUserFits) {
  const auto users = users_of_one_partition(1);
  router.options.states.snapshot_bytes_max = 8000;
  router.start();
  for (int i = 0; i < 9; ++i)
    router.says(users[0], "m" + std::to_string(i), "ask", std::string(900, 'x'),
                "t" + std::to_string(i));
  ASSERT_TRUE(router.has(users[0], "input_requested", 9));
  router.drain();
  const auto stored = snapshot_of(users[0]);
  ASSERT_TRUE(stored);
  EXPECT_LE(stored->bytes.size(), 8000u);
  EXPECT_EQ(stored->order, router.history(users[0]).back().seq.value());
  router.start();
  ASSERT_TRUE(router.has(users[0], "run_resumed", 9));
  const auto resumed = decode_user_snapshot(stored->bytes).value().state;
  EXPECT_FALSE(resumed.runs.begin()->second.content.loaded);
  EXPECT_FALSE(std::get<RecordedQuestion>(resumed.runs.begin()->second.steps.at(0)).schema.loaded);
  EXPECT_EQ(router.router().counters().rebuilds, 0u);
  // Both texts of the question were read again: its answer is judged by the one, and the agent's
  // step by the other.
  const RunId run = event_store::run_id_of(UserId(users[0]), MessageId("m0"));
  const auto asked = event_store::call_id_of(run, Step(1)).value().to_string();
  router.send(users[0], RunInput{run, RequestId(asked), JsonText(R"({"confirmed":"perhaps"})")});
  router.send(users[0], RunInput{run, RequestId(asked), JsonText(R"({"confirmed":true})")});
  ASSERT_TRUE(router.has(users[0], "agent_completed"));
  EXPECT_EQ(router.count(users[0], "run_input_rejected"), 1u);
}

// The one thread of all partitions used to wait for the broker that had them.
TEST_F(SnapshotLimits, TextsThatTheLogDoesNotGiveKeepNobodyElseWaiting) {
  const std::string user = users_of_one_partition(1)[0];
  std::string other = "user-0";
  for (int i = 1; router.partition_of(other) == router.partition_of(user); ++i)
    other = "user-" + std::to_string(i);
  router.options.states.snapshot_bytes_max = 2000;
  router.start();
  router.says(user, "m0", "ask", std::string(3000, 'x'));
  ASSERT_TRUE(router.has(user, "input_requested"));
  router.drain();
  ASSERT_TRUE(snapshot_of(user));
  router.withheld_partition = router.partition_of(user);
  router.start();
  router.says(other, "m0");
  EXPECT_TRUE(router.has(other, "agent_completed"));
  EXPECT_EQ(router.count(user, "run_resumed"), 0u);
  router.reads().answer_all();
  EXPECT_TRUE(router.has(user, "run_resumed"));
}

TEST_F(SnapshotLimits, AStoreWithoutPlaceCostsFoldingAndNothingElse) {
  const auto users = users_of_one_partition(20);
  router.options.states.users_max = 4 * 12;  // 4 in each partition
  router.options.states.rebuild_users_max = 4;
  router.options.housekeeping = std::chrono::seconds(1);
  router.options.snapshot_interval = std::chrono::seconds(1);
  router.snapshots.set_full(true);
  router.start();
  for (const std::string& user : users) router.says(user, "m0");
  // Who is busy is not put out.
  for (const std::string& user : users) ASSERT_TRUE(router.has(user, "agent_completed")) << user;
  for (const std::string& user : users) router.says(user, "m1");
  for (const std::string& user : users) {
    ASSERT_TRUE(router.has(user, "agent_completed", 2)) << user;
    EXPECT_EQ(std::get<AgentCompleted>(router.history(user).back().data).memory, "2");
  }
  EXPECT_GT(counters().snapshots_dropped, 0u);
  EXPECT_GT(router.router().counters().rebuilds, 0u) << "few are held, so some came back";
  EXPECT_EQ(counters().snapshots_written, 0u);
  router.snapshots.set_full(false);
  router.says(users[0], "m0");
  // Until the last of them is folded again the partition has no snapshot.
  ASSERT_TRUE(RouterOnLog::eventually([&] {
    const auto snapshot = partition_snapshot_of(users[0]);
    return snapshot && snapshot->at.next_offset > Offset(20);
  }));
  router.crash();
  router.start();
  for (const std::string& user : users) router.says(user, "m1");
  for (const std::string& user : users) EXPECT_TRUE(router.has(user, "message_duplicate")) << user;
}

TEST_F(SnapshotLimits, APartitionWithTooManyOpenUsersKeepsItsOlderSnapshot) {
  const auto users = users_of_one_partition(8);
  router.options.states.open_users_bytes_max = 30;
  router.start();
  router.says(users[0], "m0", "ask");
  ASSERT_TRUE(router.has(users[0], "input_requested"));
  router.drain();
  const auto before = partition_snapshot_of(users[0]);
  ASSERT_TRUE(before);
  router.start();
  for (const std::string& user : users) router.says(user, "m1", "ask");
  for (const std::string& user : users) ASSERT_TRUE(router.has(user, "input_requested"));
  router.drain();
  EXPECT_EQ(partition_snapshot_of(users[0])->at, before->at);
  router.start();
  for (const std::string& user : users)
    ASSERT_TRUE(router.has(user, "run_resumed", user == users[0] ? 2 : 1));
}

}  // namespace
}  // namespace signalbox::router
