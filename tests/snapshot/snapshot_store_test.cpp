// What every SnapshotStore does, and what the SQLite one does with its file.
#include "event-store/snapshot/snapshot_store.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "tests/contract/described.hpp"
#include "tests/snapshot/memory_snapshot_store.hpp"
#include "tests/snapshot/travelling_on_embedded_log.hpp"
#include "tests/support/file_modes.hpp"
#include "tests/support/sql_dump.hpp"

namespace signalbox::event_store {
namespace {

namespace fs = std::filesystem;

const LogId kLog(Uuid{{1, 2, 3}});
const LogId kOtherLog(Uuid{{9, 9, 9}});

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "signalbox-snapshots-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] std::string file() const { return (path_ / "snapshots.db").string(); }
  [[nodiscard]] std::size_t files_aside() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(path_))
      if (entry.path().filename().string().find(".damaged-") != std::string::npos) ++count;
    return count;
  }

 private:
  fs::path path_;
};

std::unique_ptr<SqliteSnapshotStore> open(const Folder& folder, const LogId& log = kLog,
                                          SnapshotStoreOptions options = {}) {
  auto store = SqliteSnapshotStore::open(folder.file(), log, std::move(options));
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

std::string got(SnapshotStore& store, std::string_view key) {
  const auto snapshot = store.get(key);
  if (!snapshot) return "error " + std::string(to_text(snapshot.error().code));
  return *snapshot ? (*snapshot)->bytes : "none";
}

struct Backend {
  const char* name;
  std::function<std::unique_ptr<SnapshotStore>(const Folder&)> make;
};

class EverySnapshotStore : public testing::TestWithParam<Backend> {
 protected:
  Folder folder_;
  std::unique_ptr<SnapshotStore> store_ = GetParam().make(folder_);
};

TEST_P(EverySnapshotStore, HasNothingAtFirst) { EXPECT_EQ(got(*store_, "user"), "none"); }

TEST_P(EverySnapshotStore, GivesBackWhatWasPutBeforeAndAfterItIsOnDisk) {
  EXPECT_TRUE(store_->put("user", {7, 3, std::string("by\0tes", 6)}));
  for (int round = 0; round < 2; ++round) {
    const auto snapshot = store_->get("user");
    ASSERT_TRUE(snapshot && *snapshot);
    EXPECT_EQ((*snapshot)->order, 7);
    EXPECT_EQ((*snapshot)->fold_version, 3);
    EXPECT_EQ((*snapshot)->bytes, std::string("by\0tes", 6));
    ASSERT_TRUE(store_->flush());
  }
}

TEST_P(EverySnapshotStore, KeepsTheHighestOrderPerKeyWhateverComesLate) {
  EXPECT_TRUE(store_->put("a", {5, 1, "five"}));
  EXPECT_TRUE(store_->put("b", {1, 1, "other"}));
  EXPECT_TRUE(store_->put("a", {4, 1, "late"}));
  EXPECT_EQ(got(*store_, "a"), "five");
  ASSERT_TRUE(store_->flush());
  EXPECT_TRUE(store_->put("a", {3, 1, "later"}));
  EXPECT_EQ(got(*store_, "a"), "five");
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(got(*store_, "a"), "five");
  EXPECT_TRUE(store_->put("a", {6, 1, "six"}));
  EXPECT_EQ(got(*store_, "a"), "six");
  EXPECT_EQ(got(*store_, "b"), "other");
}

TEST_P(EverySnapshotStore, EqualOrderReplaces) {
  EXPECT_TRUE(store_->put("a", {5, 1, "old fold"}));
  ASSERT_TRUE(store_->flush());
  EXPECT_TRUE(store_->put("a", {5, 2, "new fold"}));
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(got(*store_, "a"), "new fold");
}

TEST_P(EverySnapshotStore, BearsEmptyBytesAndKeysThatLookLikeSql) {
  EXPECT_TRUE(store_->put("!partition/3", {1, 1, ""}));
  EXPECT_TRUE(store_->put("'; DROP TABLE snapshots; --", {1, 1, "x"}));
  ASSERT_TRUE(store_->flush());
  EXPECT_EQ(got(*store_, "!partition/3"), "");
  EXPECT_EQ(got(*store_, "'; DROP TABLE snapshots; --"), "x");
}

TEST_P(EverySnapshotStore, SeesEveryPutMadeBeforeWhileManyAreWritten) {
  std::vector<std::thread> users;
  for (int user = 0; user < 4; ++user)
    users.emplace_back([this, user] {
      const std::string key = "user-" + std::to_string(user);
      for (int order = 1; order <= 300; ++order) {
        EXPECT_TRUE(store_->put(key, {order, 1, std::to_string(order)}));
        EXPECT_EQ(got(*store_, key), std::to_string(order));
      }
    });
  for (auto& user : users) user.join();
}

INSTANTIATE_TEST_SUITE_P(
    Backends, EverySnapshotStore,
    testing::Values(
        Backend{"memory", [](const Folder&) { return std::make_unique<MemorySnapshotStore>(); }},
        Backend{
            "sqlite",
            [](const Folder& folder) -> std::unique_ptr<SnapshotStore> { return open(folder); }},
        Backend{"travelling",
                [](const Folder& folder) -> std::unique_ptr<SnapshotStore> {
                  return std::make_unique<TravellingOnEmbeddedLog>(folder.path().string());
                }}),
    [](const auto& backend) { return std::string(backend.param.name); });

TEST(SqliteSnapshotStore, KeepsSnapshotsOverARestartAlsoWithoutAFlush) {
  const Folder folder;
  EXPECT_TRUE(open(folder)->put("user", {4, 1, std::string(100'000, 'x')}));
  EXPECT_EQ(got(*open(folder), "user"), std::string(100'000, 'x'));
}

TEST(SqliteSnapshotStore, IsItsOwnersAloneAlsoWhereTheFolderIsNot) {
  const Folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  const test_support::OpenUmask umask;
  {
    const auto store = open(folder);
    EXPECT_TRUE(store->put("a", {1, 1, "x"}));
    ASSERT_TRUE(store->flush());
    ASSERT_TRUE(fs::exists(folder.file() + "-wal"));
    EXPECT_EQ(test_support::open_to_others(folder.path()), std::vector<std::string>{});
    for (const char* const side : {"", "-wal", "-shm"})
      fs::permissions(folder.file() + side, fs::perms(0644));
    // While somebody has it open, as a process that is killed and leaves them.
    const auto next = open(folder);
    EXPECT_EQ(test_support::open_to_others(folder.path()), std::vector<std::string>{});
  }
  std::ofstream(folder.file(), std::ios::trunc) << std::string(8192, 'z');
  fs::permissions(folder.file(), fs::perms(0644));
  const auto anew = open(folder);
  EXPECT_EQ(folder.files_aside(), 1u);
  EXPECT_EQ(test_support::open_to_others(folder.path()), std::vector<std::string>{});
}

// The file on disk, held fast. When it has to change, the format gets a new version and a new file.
std::string golden() {
  return read_file(SIGNALBOX_SOURCE_DIR "/tests/snapshot/golden/snapshots_2.sql");
}

// What zstd makes of the same bytes may change with its version; the rest may not.
std::string without_compressed(const std::string& dump) {
  std::string kept;
  std::istringstream lines(dump);
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("INSERT INTO snapshots ")) kept += line + "\n";
  return kept;
}

TEST(SqliteSnapshotStore, WritesAFileAsItsVersionSays) {
  const Folder folder;
  EXPECT_TRUE(open(folder)->put("anna", {7, 3, "a snapshot"}));
  auto file = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_only);
  ASSERT_TRUE(file);
  EXPECT_EQ(without_compressed(test_support::sql_dump(*file)), without_compressed(golden()));
}

TEST(SqliteSnapshotStore, ReadsAFileOfItsVersion) {
  const Folder folder;
  {
    auto file = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::create);
    ASSERT_TRUE(file);
    // The triggers would count what the rows of the golden file count themselves.
    const std::string made = golden();
    const std::size_t triggers = made.find("CREATE TRIGGER");
    const std::size_t rows = made.find("INSERT INTO owner");
    ASSERT_LT(triggers, rows);
    for (const std::string& sql :
         {made.substr(0, triggers), made.substr(rows), made.substr(triggers, rows - triggers)}) {
      const auto done = file->execute(sql);
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  const auto snapshot = open(folder)->get("anna");
  ASSERT_TRUE(snapshot && *snapshot);
  EXPECT_EQ((*snapshot)->order, 7);
  EXPECT_EQ((*snapshot)->fold_version, 3);
  EXPECT_EQ((*snapshot)->bytes, "a snapshot");
  EXPECT_EQ(folder.files_aside(), 0u);
}

TEST(SqliteSnapshotStore, RefusesARowWhoseBytesWereChangedAndTakesANewOneInItsPlace) {
  const Folder folder;
  {
    const auto store = open(folder);
    EXPECT_TRUE(store->put("a", {9, 1, "right"}));
    EXPECT_TRUE(store->put("b", {1, 1, "right"}));
  }
  {
    auto file = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->execute("UPDATE snapshots SET ordinal = 1000 WHERE key = 'a'"));
  }
  const auto store = open(folder);
  EXPECT_EQ(got(*store, "a"), "error corrupt");
  EXPECT_EQ(got(*store, "b"), "right");
  EXPECT_TRUE(store->put("a", {10, 1, "anew"}));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(got(*store, "a"), "anew");
}

// The message goes into the log, and the key is the name of a user.
TEST(SqliteSnapshotStore, SaysWhatIsWrongWithARowButNotWhoseItIs) {
  const Folder folder;
  for (const char* sql : {"UPDATE snapshots SET ordinal = 1000", "DELETE FROM snapshots"}) {
    EXPECT_TRUE(open(folder)->put("anna", {9, 1, "x"}));
    auto file = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write);
    ASSERT_TRUE(file && file->execute(sql));
    const auto refused = open(folder)->get("anna");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.find("anna"), std::string::npos) << refused.error().message;
  }
}

// Changes the file as nobody should, while no store has it open.
void damage(const Folder& folder, const std::string& sql) {
  auto file = SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write);
  ASSERT_TRUE(file);
  const auto done = file->execute(sql);
  ASSERT_TRUE(done) << done.error().message;
}

TEST(SqliteSnapshotStore, TellsARowThatIsGoneFromOneThatNeverWas) {
  const Folder folder;
  {
    const auto store = open(folder);
    EXPECT_TRUE(store->put("a", {9, 1, "right"}));
    EXPECT_TRUE(store->put("b", {1, 1, "right"}));
  }
  damage(folder, "DELETE FROM snapshots WHERE key = 'a'");
  {
    const auto store = open(folder);
    EXPECT_EQ(got(*store, "a"), "error corrupt");
    EXPECT_EQ(got(*store, "b"), "right");
    EXPECT_EQ(got(*store, "c"), "none");
    EXPECT_TRUE(store->put("a", {2, 1, "anew"}));
    ASSERT_TRUE(store->flush());
    EXPECT_EQ(got(*store, "a"), "anew");
  }
  damage(folder, "UPDATE snapshots SET key = 'd' WHERE key = 'a'");
  EXPECT_EQ(got(*open(folder), "a"), "error corrupt") << "known is known, however often it is lost";
  EXPECT_EQ(folder.files_aside(), 0u);
}

TEST(SqliteSnapshotStore, AFileWhoseListOfKeysHasLostOneIsMadeAnew) {
  const Folder folder;
  for (int order = 1; order <= 3; ++order) {
    const auto store = open(folder);
    EXPECT_TRUE(store->put("a", {order, 1, "x"}));
    EXPECT_TRUE(store->put("b", {order, 1, "x"}));
  }
  EXPECT_EQ(folder.files_aside(), 0u) << "each is counted once";
  damage(folder, "DELETE FROM snapshots WHERE key = 'a'; DELETE FROM known WHERE key = 'a'");
  const auto store = open(folder);
  EXPECT_EQ(got(*store, "b"), "none");
  EXPECT_EQ(folder.files_aside(), 1u);
}

TEST(SqliteSnapshotStore, MovesAFileThatIsNoDatabaseAsideAndSaysSo) {
  const Folder folder;
  std::ofstream(folder.file()) << std::string(8192, 'z');
  std::string warning;
  SnapshotStoreOptions options;
  options.warn = [&](const std::string& text) { warning = text; };
  const auto store = open(folder, kLog, options);
  EXPECT_TRUE(store->put("a", {1, 1, "x"}));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(got(*store, "a"), "x");
  EXPECT_EQ(folder.files_aside(), 1u);
  EXPECT_NE(warning.find(folder.file() + ".damaged-1"), std::string::npos) << warning;
}

TEST(SqliteSnapshotStore, NeverShowsTheSnapshotsOfAnotherLog) {
  const Folder folder;
  EXPECT_TRUE(open(folder, kOtherLog)->put("a", {1, 1, "foreign"}));
  EXPECT_EQ(got(*open(folder, kLog), "a"), "none");
  EXPECT_EQ(folder.files_aside(), 1u);
}

// Writing fails while this lives, as on a full disk; reading goes on.
class RefusingFile {
 public:
  explicit RefusingFile(const Folder& folder)
      : file_(*SqliteDatabase::open(folder.file(), SqliteDatabase::Access::read_write)) {
    run("CREATE TRIGGER refuse BEFORE INSERT ON snapshots BEGIN SELECT RAISE(ABORT, 'no'); END");
  }
  ~RefusingFile() { run("DROP TRIGGER refuse"); }
  RefusingFile(const RefusingFile&) = delete;
  RefusingFile& operator=(const RefusingFile&) = delete;

 private:
  void run(const char* sql) {
    const auto done = file_.execute(sql);
    EXPECT_TRUE(done) << done.error().message;
  }
  SqliteDatabase file_;
};

TEST(SqliteSnapshotStore, WritesWhatADiskRefusedOnceItTakesItAgain) {
  const Folder folder;
  const auto store = open(folder);
  {
    const RefusingFile refusing(folder);
    EXPECT_TRUE(store->put("a", {2, 1, "first"}));
    EXPECT_FALSE(store->flush());
    EXPECT_EQ(got(*store, "a"), "first");
    EXPECT_TRUE(store->put("a", {3, 1, "second"}));
  }
  while (!store->flush()) {
  }
  EXPECT_EQ(store->pending_bytes(), 0u);
  EXPECT_EQ(got(*store, "a"), "second");
}

TEST(SqliteSnapshotStore, RefusesWhatFindsNoPlaceAndKeepsWhatItTook) {
  const Folder folder;
  {
    SnapshotStoreOptions options;
    options.pending_bytes_max = 100;
    const auto store = open(folder, kLog, options);
    {
      const RefusingFile refusing(folder);
      EXPECT_TRUE(store->put("a", {1, 1, std::string(60, 'a')}));
      EXPECT_FALSE(store->flush()) << "from here on it waits for the next try";
      const auto refused = store->put("b", {1, 1, std::string(60, 'b')});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::overloaded);
      EXPECT_TRUE(store->put("a", {2, 1, std::string(90, 'A')})) << "in the place of the older one";
      EXPECT_FALSE(store->put("a", {3, 1, std::string(101, '!')}));
      EXPECT_TRUE(store->put("a", {1, 1, std::string(500, 'o')})) << "older: nothing to keep";
      EXPECT_TRUE(store->put("c", {1, 1, "small"}));
      EXPECT_EQ(store->puts_refused(), 2u);
      EXPECT_LE(store->pending_bytes(), 100u);
      EXPECT_EQ(got(*store, "a"), std::string(90, 'A'));
      EXPECT_EQ(got(*store, "b"), "none");
    }
    while (!store->flush()) {
    }
    EXPECT_EQ(store->pending_bytes(), 0u);
    EXPECT_TRUE(store->put("b", {1, 1, std::string(60, 'b')})) << "there is room again";
  }
  const auto store = open(folder);
  EXPECT_EQ(got(*store, "a"), std::string(90, 'A'));
  EXPECT_EQ(got(*store, "b"), std::string(60, 'b'));
  EXPECT_EQ(got(*store, "c"), "small");
}

TEST(SqliteSnapshotStore, RefusesASnapshotItWouldNotReadBack) {
  const Folder folder;
  SnapshotStoreOptions options;
  options.snapshot_bytes_max = 10;
  const auto store = open(folder, kLog, options);
  EXPECT_TRUE(store->put("a", {1, 1, std::string(10, 'x')}));
  const auto refused = store->put("a", {2, 1, std::string(11, 'x')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(got(*store, "a"), std::string(10, 'x'));
}

}  // namespace
}  // namespace signalbox::event_store
