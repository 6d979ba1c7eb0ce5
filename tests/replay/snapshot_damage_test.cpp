// What `verify` says of snapshots that are damaged, old, of another history or ahead of the log.
#include <gtest/gtest.h>

#include "event-store/log/log_reader.hpp"
#include "event-store/sqlite/sqlite_database.hpp"
#include "replay/snapshot_check.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using event_store::SqliteDatabase;

const Watch kPatient = [](const Progress&) { return true; };
const UserId kUser("105945141827451681156");

class Snapshots : public ::testing::Test {
 protected:
  Snapshots() {
    router_.keep_snapshots_in_a_file();
    router_.options.states.snapshot_events = 1;
    router_.start();
    say("m1");
    say("m2");
    router_.drain();
    router_.close_snapshots();
  }
  void say(const std::string& message) {
    router_.says(kUser.value(), message);
    EXPECT_TRUE(router_.eventually([&] {
      return router_.history(kUser.value()).size() >= 3 &&
             is<AgentCompleted>(router_.history(kUser.value()).back().data);
    }));
  }
  template <class Data>
  static bool is(const EventData& data) {
    return std::holds_alternative<Data>(data);
  }
  [[nodiscard]] std::string folder() const {
    return std::filesystem::path(router_.snapshot_file()).parent_path().string();
  }
  void change(const std::string& statements) {
    auto file = SqliteDatabase::open(router_.snapshot_file(), SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file);
    const auto done = file->execute(statements);
    ASSERT_TRUE(done) << done.error().message;
  }
  // The user's snapshot, changed, with the SHA-256 that belongs to it.
  void forge(const std::function<void(router::UserSnapshot&)>& edit,
             int fold_version = router::kFoldVersion) {
    auto store = router_.open_snapshot_file();
    const std::string key = router::user_snapshot_key(kUser);
    const auto stored = store->get(key);
    ASSERT_TRUE(stored && *stored);
    auto snapshot = router::decode_user_snapshot((*stored)->bytes);
    ASSERT_TRUE(snapshot);
    edit(*snapshot);
    store->refuse(key);
    ASSERT_TRUE(store->put(key, {snapshot->state.chain.seq.value(), fold_version,
                                 router::encode_user_snapshot(*snapshot)}));
    ASSERT_TRUE(store->flush());
  }
  // The findings as `kind kind ...`, of all or of one user.
  std::string verdict(std::optional<UserId> user = std::nullopt) {
    auto log = LogReader::open(folder());
    EXPECT_TRUE(log);
    SnapshotCheck check(router_.snapshot_file(), log->describe(), user);
    const auto report = verify_log(*log, {.user = user, .observers = {&check}}, kPatient);
    EXPECT_TRUE(report);
    compared_ = check.compared();
    std::string kinds;
    for (const Finding& finding : report->findings.kept())
      kinds.append(kinds.empty() ? "" : " ").append(to_text(finding.kind));
    told_ = report->findings.kept().empty() ? "" : to_text(report->findings.kept().front());
    return kinds;
  }

  router::RouterOnLog router_;
  std::int64_t compared_ = 0;
  std::string told_;  // of the first finding
};

TEST_F(Snapshots, ThatFitTheLogAreNoDamage) {
  EXPECT_EQ(verdict(), "");
  EXPECT_GE(compared_, 2);  // the user's and his partition's
  EXPECT_EQ(verdict(kUser), "");
  EXPECT_EQ(compared_, 1);
}

TEST_F(Snapshots, ThatAreOldAreNoDamage) {
  router_.close_snapshots();
  router_.start();  // with snapshots in memory: those in the file stay behind
  say("m3");
  router_.drain();
  EXPECT_EQ(verdict(), "");
  EXPECT_GE(compared_, 2);
}

TEST_F(Snapshots, ThatAreMissingAreNoDamage) {
  std::filesystem::remove(router_.snapshot_file());
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(compared_, 0);
}

TEST_F(Snapshots, WithAChangedByteAreNamed) {
  change("UPDATE snapshots SET bytes = CAST(bytes || x'00' AS BLOB) WHERE key = '" + kUser.value() +
         "'");
  EXPECT_EQ(verdict(), "snapshot_unreadable");
  EXPECT_EQ(verdict(kUser), "snapshot_unreadable");
  EXPECT_EQ(verdict(UserId("somebody")), "");
}

TEST_F(Snapshots, InAFileThatIsNoDatabaseAreNamed) {
  std::filesystem::resize_file(router_.snapshot_file(), 100);
  EXPECT_EQ(verdict(), "snapshot_unreadable");
}

TEST_F(Snapshots, OfAnotherHistoryAreNamed) {
  forge([](router::UserSnapshot& snapshot) { snapshot.state.chain.hash[0] ^= 1; });
  EXPECT_EQ(verdict(), "snapshot_disagrees");
}

TEST_F(Snapshots, OfAnotherLogAreNamed) {
  forge([](router::UserSnapshot& snapshot) { snapshot.log_id = LogId(Uuid{{7}}); });
  EXPECT_EQ(verdict(), "snapshot_disagrees");
}

TEST_F(Snapshots, ThatHoldMoreThanTheySayAreNamed) {
  forge([](router::UserSnapshot& snapshot) { snapshot.at.next_offset = Offset(1); });
  EXPECT_EQ(verdict(), "snapshot_disagrees");
}

TEST_F(Snapshots, AheadOfTheLogAreNamed) {
  forge([](router::UserSnapshot& snapshot) { ++snapshot.state.chain.seq; });
  EXPECT_EQ(verdict(), "snapshot_ahead");
  // Audit of issue 5: a finding without a place began with a comma.
  EXPECT_TRUE(told_.starts_with("user " + kUser.value() + ", seq ")) << told_;
}

TEST_F(Snapshots, OfAnotherFoldVersionAreNotLookedAt) {
  forge([](router::UserSnapshot& snapshot) { ++snapshot.state.chain.seq; },
        router::kFoldVersion + 1);
  EXPECT_EQ(verdict(), "");
}

}  // namespace
}  // namespace signalbox::replay
