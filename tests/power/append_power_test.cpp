// The embedded log when the power fails, the process is killed or the disk breaks at any moment of
// its work: opening, appending, checkpoints, closing. Nothing acknowledged is missing afterwards,
// nothing is there twice, and it verifies.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <limits>

#include "tests/power/crash_points.hpp"
#include "tests/power/scripted_log.hpp"

namespace signalbox::power {
namespace {

using event_store::TemporaryDirectory;
using test_support::Crash;
using test_support::DiskHistory;
using test_support::FaultVfs;

// Of any log whose folder is asked for.
constexpr const char* kLogFile = "/log.db";

void tell(const std::string& what, std::size_t changes, const CrashCounts& counts) {
  std::cout << "power: " << what << ": " << changes << " changes of the disk, " << counts.kills
            << " kills, " << counts.power_cuts << " power cuts, " << counts.torn
            << " torn power cuts\n";
}

TEST(AppendPower, WhereverACrashComesAllThatWasAcknowledgedIsThere) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path() + kLogFile);
  vfs.record(folder.path() + "/head");
  ScriptedLog script(folder.path(), 5, vfs);
  script.play();
  const DiskHistory history = vfs.recorded();
  ASSERT_TRUE(script.proposals().back().acknowledged_after);
  ASSERT_GT(history.size(), 100u);
  const CrashCounts counts = crash_everywhere(
      history, folder.path(), [&](const std::string& left_in, const CrashPoint& point) {
        expect_whole(left_in, script.proposals(), point.changes);
      });
  tell("append", history.size(), counts);
}

// As every service has it, and the tests above do not, for time.
TEST(AppendPower, WhereverACrashComesAReservedWriteAheadLogLosesNothing) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path() + kLogFile);
  vfs.record(folder.path() + "/head");
  ScriptedLog script(folder.path(), 2, vfs, 128U << 10);
  script.play();
  const DiskHistory history = vfs.recorded();
  ASSERT_TRUE(script.proposals().back().acknowledged_after);
  // Written twice, when the log was opened first and again.
  const std::string piece(64U << 10, '\0');
  EXPECT_EQ(std::ranges::count(history, piece, &test_support::Disk::Change::bytes), 4);
  const CrashCounts counts = crash_everywhere(
      history, folder.path(), [&](const std::string& left_in, const CrashPoint& point) {
        expect_whole(left_in, script.proposals(), point.changes);
      });
  tell("append with a reserve", history.size(), counts);
}

// One moment in so many is followed by a second crash, at any moment of the recovery.
constexpr std::size_t kStruckAgain = 30;

TEST(AppendPower, WhereverASecondCrashComesWhileTheLogRecoversItLosesNothing) {
  const TemporaryDirectory folder;
  FaultVfs vfs(kLogFile);
  vfs.record(folder.path() + "/head");
  ScriptedLog script(folder.path(), 3, vfs);
  script.play();
  const DiskHistory history = vfs.recorded();
  int first = 0;
  int second = 0;
  crash_everywhere(history, folder.path(),
                   [&](const std::string& left_in, const CrashPoint& point) {
                     if (point.changes % kStruckAgain != kStruckAgain / 2) return;
                     ++first;
                     second += crash_again(
                         vfs, left_in, left_in + "/head", 1, [&] { recover(left_in); },
                         [&](const std::string& left_twice, const CrashPoint&) {
                           expect_whole(left_twice, script.proposals(), point.changes);
                         });
                   });
  EXPECT_GT(second, 30);
  std::cout << "power: append: " << second << " second crashes after " << first << " first ones\n";
}

// A log whose disk fails at one of its changes, while a script is played on it.
class BrokenDisk {
 public:
  BrokenDisk(int good, FaultVfs::Fault fault, int times) {
    vfs_.record(folder_.path() + "/head");
    vfs_.fail_changes(good, fault, times);
    script_.play();
    faults_ = vfs_.faults();
    changes_ = vfs_.changes();
    vfs_.heal();
  }
  [[nodiscard]] int faults() const { return faults_; }
  [[nodiscard]] const ScriptedLog& script() const { return script_; }

  // What was acknowledged is there once the disk is well again; and what was then, with it, when
  // the power fails in the end: whose sync failed may be in the memory of the system alone, where
  // every process sees it.
  void expect_whole_when_healed() {
    constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
    expect_whole(folder_.path(), script_.proposals(), kAll);
    history_ = vfs_.recorded();
    const TemporaryDirectory left_in;
    leave_files(history_, Crash::power_cut, folder_.path(), left_in.path());
    auto proposals = script_.proposals();
    proposals.push_back(one_more());
    expect_whole(left_in.path(), proposals, kAll);
  }
  // After that: nor may a crash lose anything while a log closes that the disk ended; how many
  // there were.
  int crash_while_it_closed() const {
    const auto from = script_.closed_broken_after();
    if (!from) return 0;
    const DiskHistory until_closed(history_.begin(),
                                   history_.begin() + static_cast<std::ptrdiff_t>(changes_));
    const CrashCounts counts = crash_everywhere(
        until_closed, folder_.path(),
        [&](const std::string& left_in, const CrashPoint& point) {
          expect_whole(left_in, script_.proposals(), point.changes);
        },
        *from);
    return counts.kills + counts.power_cuts + counts.torn;
  }
  // Every refusal is for this reason; where the log ended for good, nothing was acknowledged by it
  // any more.
  void expect_refused_with(Errc code) const {
    int ended = 0;
    for (const Proposal& proposal : script_.proposals()) {
      if (proposal.refused) {
        EXPECT_EQ(proposal.refused->code, code) << proposal.refused->message;
        ended = proposal.opening;
      }
      if (code == Errc::log_unavailable && proposal.opening == ended) {
        EXPECT_TRUE(proposal.refused) << "acknowledged by a log that had ended";
      }
    }
    if (code == Errc::log_unavailable && ended != 0) {
      EXPECT_GE(script_.fatal_calls(), 1);
    }
  }

 private:
  const TemporaryDirectory folder_;
  FaultVfs vfs_{folder_.path() + kLogFile};
  ScriptedLog script_{folder_.path(), 3, vfs_};
  int faults_ = 0;
  std::size_t changes_ = 0;  // until the log was closed
  DiskHistory history_;
};

struct BreakCounts {
  int broken = 0;   // changes of the disk
  int crashes = 0;  // while a log closed that had ended
};

// Of the logs that the disk ended one in so many crashes while it closes.
constexpr int kCrashesClosing = 12;

// Breaks every change of the disk in turn, once and for good.
BreakCounts break_everywhere(FaultVfs::Fault fault,
                             const std::function<void(const BrokenDisk&)>& look) {
  BreakCounts counts;
  for (const int times : {1, FaultVfs::kForever}) {
    bool met = true;
    for (int good = 0; met && !testing::Test::HasFailure(); ++good) {
      BrokenDisk disk(good, fault, times);
      met = disk.faults() > 0;
      look(disk);
      disk.expect_whole_when_healed();
      if (good % one_in(kCrashesClosing) == 0) counts.crashes += disk.crash_while_it_closed();
      if (testing::Test::HasFailure())
        ADD_FAILURE() << "change " << good << ", " << (times == 1 ? "once" : "for good");
      counts.broken += met ? 1 : 0;
    }
  }
  return counts;
}

TEST(AppendPower, WhereverTheDiskBreaksTheLogEndsAndKeepsWhatItAcknowledged) {
  const BreakCounts counts = break_everywhere(
      FaultVfs::Fault::io_error,
      [](const BrokenDisk& disk) { disk.expect_refused_with(Errc::log_unavailable); });
  EXPECT_GT(counts.broken, 200);
  EXPECT_GT(counts.crashes, 100);
  std::cout << "power: append: " << counts.broken << " errors of the disk, " << counts.crashes
            << " crashes while such a log closed\n";
}

TEST(AppendPower, WhereverTheDiskIsFullTheLogRefusesAndGoesOn) {
  int refused = 0;
  const BreakCounts counts =
      break_everywhere(FaultVfs::Fault::disk_full, [&](const BrokenDisk& disk) {
        refused += disk.script().refused_by_full_disk();
        disk.expect_refused_with(Errc::disk_full);
        EXPECT_EQ(disk.script().fatal_calls(), 0);
        if (const auto& why = disk.script().refused_to_open()) {
          EXPECT_EQ(why->code, Errc::disk_full) << why->message;
        }
      });
  EXPECT_GT(counts.broken, 160);
  EXPECT_GT(refused, counts.broken);
  std::cout << "power: append: " << counts.broken << " times a full disk\n";
}

}  // namespace
}  // namespace signalbox::power
