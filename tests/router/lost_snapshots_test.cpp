// What a router does when snapshots that were kept are gone, changed or of another fold (contract
// 9). The snapshots are in a real SQLite file, which is what gets damaged.
#include <gtest/gtest.h>

#include "event-store/sqlite/sqlite_database.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::router {
namespace {

using event_store::SqliteDatabase;

class LostSnapshots : public ::testing::Test {
 protected:
  LostSnapshots() { router.keep_snapshots_in_a_file(); }

  // Users of the first one's partition, so that one partition has them all.
  std::vector<std::string> users_of_one_partition(int count) {
    std::vector<std::string> users;
    for (int i = 0; users.size() < static_cast<std::size_t>(count); ++i) {
      const std::string user = "user-" + std::to_string(i);
      if (users.empty() || router.partition_of(user) == router.partition_of(users.front()))
        users.push_back(user);
    }
    return users;
  }

  // Each had a message that was answered; then the router left in order.
  void live_before(const std::vector<std::string>& users, const std::string& agent = "echo") {
    router.start();
    for (const std::string& user : users) router.says(user, "m1", agent);
    for (const std::string& user : users)
      ASSERT_TRUE(router.has(user, agent == "ask" ? "input_requested" : "agent_completed"));
    router.drain();
  }

  // Between two processes: nobody has the file open.
  void change_file(const std::string& sql) {
    router.close_snapshots();
    {
      auto file = SqliteDatabase::open(router.snapshot_file(), SqliteDatabase::Access::read_write);
      ASSERT_TRUE(file);
      const auto done = file->execute(sql);
      ASSERT_TRUE(done) << done.error().message;
    }
    router.keep_snapshots_in_a_file();
  }

  // history() checks that seq and chain go on.
  void expect_known(const std::string& user) {
    router.says(user, "m1");
    ASSERT_TRUE(router.has(user, "message_duplicate")) << "taken for a new user";
    router.says(user, "m2");
    ASSERT_TRUE(router.has(user, "agent_completed", 2));
  }

  RouterOnLog router;
};

TEST_F(LostSnapshots, AUserWhoseRowIsGoneIsFoldedAgain) {
  const auto users = users_of_one_partition(2);
  live_before(users);
  change_file("DELETE FROM snapshots WHERE key='" + users[0] + "'");
  router.start();
  expect_known(users[0]);
  EXPECT_EQ(router.router().counters().rebuilds, 1u);
  expect_known(users[1]);
  EXPECT_EQ(router.router().counters().rebuilds, 1u) << "of the other one nothing was lost";
}

TEST_F(LostSnapshots, AUserWhoseRowIsDamagedIsFoldedAgainOnce) {
  const auto users = users_of_one_partition(1);
  live_before(users);
  change_file("UPDATE snapshots SET bytes=x'00' WHERE key='" + users[0] + "'");
  router.start();
  expect_known(users[0]);
  EXPECT_EQ(router.router().counters().rebuilds, 1u);
  router.drain();
  router.start();
  router.says(users[0], "m3");
  ASSERT_TRUE(router.has(users[0], "agent_completed", 3));
  EXPECT_EQ(router.router().counters().rebuilds, 0u) << "his row was written again";
}

TEST_F(LostSnapshots, AUserWhoseRowAndEntryAreGoneIsFoundByTheWholePartition) {
  const auto users = users_of_one_partition(2);
  live_before(users);
  change_file("DELETE FROM snapshots WHERE key='" + users[0] + "'; DELETE FROM known WHERE key='" +
              users[0] + "'");
  router.start();
  expect_known(users[0]);
  expect_known(users[1]);
}

TEST_F(LostSnapshots, ANewUserCostsNoReadOfTheLog) {
  const auto users = users_of_one_partition(4);
  live_before({users[0], users[1], users[2]});
  router.start();
  ASSERT_TRUE(router.is_serving());
  const int pages_before = router.reads().event_pages;
  router.says(users[3], "m1");
  ASSERT_TRUE(router.has(users[3], "agent_completed"));
  EXPECT_EQ(router.reads().event_pages, pages_before);
  EXPECT_EQ(router.router().counters().rebuilds, 0u);
  EXPECT_EQ(router.reads().tails_from_start, 0);
}

TEST_F(LostSnapshots, AllThatMustBeRebuiltWithOpenRunsAreFoldedInOnePass) {
  const auto users = users_of_one_partition(12);
  live_before(users, "ask");
  change_file("DELETE FROM snapshots WHERE key NOT LIKE '!%'");
  router.start();
  for (const std::string& user : users) ASSERT_TRUE(router.has(user, "run_resumed"));
  EXPECT_EQ(router.router().counters().rebuilds, users.size());
  EXPECT_EQ(router.reads().tails_from_start, 1) << "one pass for all of them";
}

TEST_F(LostSnapshots, MoreThanOnePassTakesAreRebuiltInFurtherOnes) {
  const auto users = users_of_one_partition(5);
  router.options.states.rebuild_users_max = 2;
  live_before(users, "ask");
  change_file("DELETE FROM snapshots WHERE key NOT LIKE '!%'");
  router.start();
  for (const std::string& user : users) ASSERT_TRUE(router.has(user, "run_resumed"));
  EXPECT_EQ(router.router().counters().rebuilds, users.size());
}

TEST_F(LostSnapshots, AnotherFoldVersionCostsOnePassForAllAndFewStatesInMemory) {
  const auto users = users_of_one_partition(30);
  router.options.states.users_max = 4 * 12;  // 4 in each partition
  live_before(users);
  router.close_snapshots();
  {
    // As the build before left them: whole, and of its own fold.
    auto store = router.open_snapshot_file();
    for (const std::string& user : users) {
      auto snapshot = store->get(user_snapshot_key(UserId(user))).value().value();
      ++snapshot.fold_version;
      EXPECT_TRUE(store->put(user_snapshot_key(UserId(user)), snapshot));
    }
    const auto key = partition_snapshot_key(router.partition_of(users.front()));
    auto snapshot = store->get(key).value().value();
    ++snapshot.fold_version;
    EXPECT_TRUE(store->put(key, snapshot));
  }
  router.keep_snapshots_in_a_file();
  router.start();
  for (const std::string& user : users) expect_known(user);
  EXPECT_EQ(router.router().counters().rebuilds, 0u);
  EXPECT_EQ(router.reads().event_pages, 0);
  EXPECT_EQ(router.reads().tails_from_start, 1)
      << "the tail that follows the partition is the pass";
  EXPECT_EQ(router.router().counters().states.snapshots_refused, users.size());
}

}  // namespace
}  // namespace signalbox::router
