// The snapshot store when the power fails, the process is killed or the disk breaks at any moment.
// It is a cache: afterwards it has what was put up to some moment, never one put without those
// before it, and takes the next ones. A kill costs nothing that was flushed.
#include <gtest/gtest.h>

#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/power/crash_points.hpp"
#include "tests/support/fault_vfs.hpp"

namespace signalbox::power {
namespace {

using event_store::Snapshot;
using event_store::SnapshotStoreOptions;
using event_store::SqliteSnapshotStore;
using event_store::TemporaryDirectory;
using test_support::Crash;
using test_support::DiskHistory;
using test_support::FaultVfs;

const LogId kLog(Uuid{{1, 2, 3}});
const std::vector<std::string> kKeys{"anna", "berta", "carla", "partition 0"};

using State = std::map<std::string, std::string>;  // key -> bytes; without those that are missing

struct Flush {
  std::size_t puts;     // made before it
  std::size_t changes;  // of the disk
};

class SnapshotScript {
 public:
  SnapshotScript(const std::string& folder, const FaultVfs& vfs)
      : path_(folder + "/snapshots.db"), vfs_(vfs) {}

  // Puts and a flush, round by round; closed once in the middle. Ends where the disk fails.
  void play() {
    for (int round = 0; round < 8; ++round) {
      if (round % 4 == 0) {
        store_.reset();
        auto opened = SqliteSnapshotStore::open(path_, kLog, {});
        if (!opened) return;
        store_ = *std::move(opened);
      }
      put_all(round);
      if (!store_->flush()) break;
      flushes_.push_back({states_.size() - 1, vfs_.changes()});
    }
    store_.reset();
  }
  // After so many puts.
  [[nodiscard]] const std::vector<State>& states() const { return states_; }
  [[nodiscard]] const std::vector<Flush>& flushes() const { return flushes_; }
  // How many puts had been flushed when the disk had changed so often.
  [[nodiscard]] std::size_t puts_flushed(std::size_t changes) const {
    std::size_t puts = 0;
    for (const Flush& flush : flushes_)
      if (flush.changes <= changes) puts = flush.puts;
    return puts;
  }

 private:
  void put_all(int round) {
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      if (round < 2 && i > 1) continue;  // some keys come later
      std::string bytes = "round " + std::to_string(round) + " of " + kKeys[i];
      // Some that zstd does not make small, over several pages.
      Random random(static_cast<std::uint64_t>(round));
      for (int n = 0; i == 0 && n < 9000; ++n)
        bytes.push_back(static_cast<char>(random.below(256)));
      State next = states_.back();
      next[kKeys[i]] = bytes;
      states_.push_back(std::move(next));
      const auto put = store_->put(kKeys[i], {round, 1, std::move(bytes)});
      ASSERT_TRUE(put) << put.error().message;
    }
  }

  const std::string path_;
  const FaultVfs& vfs_;
  std::unique_ptr<SqliteSnapshotStore> store_;
  std::vector<State> states_{{}};
  std::vector<Flush> flushes_;
};

State state_of(SqliteSnapshotStore& store) {
  State state;
  for (const std::string& key : kKeys) {
    const auto snapshot = store.get(key);
    EXPECT_TRUE(snapshot) << key << ": " << snapshot.error().message;
    if (snapshot && *snapshot) state[key] = (*snapshot)->bytes;
  }
  return state;
}

// The file has one of these states, the `oldest`th or a later one, and takes another snapshot.
void expect_one_of(const std::string& folder, const std::vector<State>& states,
                   std::size_t oldest) {
  const std::string path = folder + "/snapshots.db";
  SnapshotStoreOptions options;
  options.warn = [](const std::string& text) { ADD_FAILURE() << text; };
  auto store = SqliteSnapshotStore::open(path, kLog, options);
  ASSERT_TRUE(store) << store.error().message;
  const State found = state_of(**store);
  std::size_t at = states.size();
  while (at > 0 && states[at - 1] != found) --at;
  ASSERT_GT(at, 0u) << "a state that never was";
  EXPECT_GE(at - 1, oldest) << "older than what was flushed";
  ASSERT_TRUE((*store)->put("anna", {100, 1, "newest"}));
  ASSERT_TRUE((*store)->flush());
  store->reset();
  store = SqliteSnapshotStore::open(path, kLog, options);
  ASSERT_TRUE(store) << store.error().message;
  State expected = found;
  expected["anna"] = "newest";
  EXPECT_EQ(state_of(**store), expected);
}

TEST(SnapshotPower, WhereverACrashComesTheFileHasWhatOneGroupLeft) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path() + "/snapshots.db");
  vfs.record(folder.path() + "/nothing else");
  SnapshotScript script(folder.path(), vfs);
  script.play();
  const DiskHistory history = vfs.recorded();
  ASSERT_EQ(script.flushes().size(), 8u);
  const CrashCounts counts = crash_everywhere(
      history, folder.path(), [&](const std::string& left_in, const CrashPoint& point) {
        const bool keeps_all = point.crash == Crash::kill;
        expect_one_of(left_in, script.states(), keeps_all ? script.puts_flushed(point.changes) : 0);
      });
  EXPECT_GT(counts.kills, 80);
  std::cout << "power: snapshots: " << history.size() << " changes of the disk, " << counts.kills
            << " kills, " << counts.power_cuts << " power cuts, " << counts.torn
            << " torn power cuts\n";
}

// One moment in so many is followed by a second crash, at one change in so many of opening what was
// left.
constexpr std::size_t kSnapshotsStruckAgain = 12;
constexpr int kSnapshotsStruckEvery = 12;

TEST(SnapshotPower, WhereverASecondCrashComesTheFileHasWhatOneGroupLeft) {
  const TemporaryDirectory folder;
  FaultVfs vfs("/snapshots.db");
  vfs.record(folder.path() + "/nothing else");
  SnapshotScript script(folder.path(), vfs);
  script.play();
  int first = 0;
  int second = 0;
  crash_everywhere(
      vfs.recorded(), folder.path(), [&](const std::string& left_in, const CrashPoint& point) {
        if (point.changes % kSnapshotsStruckAgain != kSnapshotsStruckAgain / 2) return;
        ++first;
        second += crash_again(
            vfs, left_in, left_in + "/nothing else", one_in(kSnapshotsStruckEvery),
            [&] { EXPECT_TRUE(SqliteSnapshotStore::open(left_in + "/snapshots.db", kLog, {})); },
            [&](const std::string& left_twice, const CrashPoint& again) {
              const bool keeps_all = point.crash == Crash::kill && again.crash == Crash::kill;
              expect_one_of(left_twice, script.states(),
                            keeps_all ? script.puts_flushed(point.changes) : 0);
            });
      });
  EXPECT_GT(second, 30);
  std::cout << "power: snapshots: " << second << " second crashes after " << first
            << " first ones\n";
}

TEST(SnapshotPower, WhereverTheDiskFailsWhatWasFlushedIsThere) {
  for (const auto fault : {FaultVfs::Fault::io_error, FaultVfs::Fault::disk_full}) {
    int broken = 0;
    for (const int times : {1, FaultVfs::kForever}) {
      bool met = true;
      for (int good = 0; met && !HasFailure(); ++good) {
        const TemporaryDirectory folder;
        FaultVfs vfs(folder.path() + "/snapshots.db");
        vfs.record(folder.path() + "/nothing else");
        vfs.fail_changes(good, fault, times);
        SnapshotScript script(folder.path(), vfs);
        script.play();
        met = vfs.faults() > 0;
        vfs.heal();
        expect_one_of(folder.path(), script.states(),
                      script.puts_flushed(std::numeric_limits<std::size_t>::max()));
        if (HasFailure())
          ADD_FAILURE() << "change " << good << ", " << (times == 1 ? "once" : "for good");
        broken += met ? 1 : 0;
      }
    }
    EXPECT_GT(broken, 150);
    std::cout << "power: snapshots: " << broken << " times a disk that is "
              << (fault == FaultVfs::Fault::io_error ? "broken" : "full") << "\n";
  }
}

}  // namespace
}  // namespace signalbox::power
