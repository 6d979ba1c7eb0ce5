// The embedded log when the power fails, the process is killed or the disk breaks at any moment of
// its work: opening, appending, checkpoints, closing. Nothing acknowledged is missing afterwards,
// nothing is there twice, and it verifies.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>

#include "tests/power/crash_points.hpp"
#include "tests/power/scripted_log.hpp"

namespace signalbox::power {
namespace {

using event_store::TemporaryDirectory;
using test_support::DiskHistory;
using test_support::FaultVfs;

TEST(AppendPower, WhereverACrashComesAllThatWasAcknowledgedIsThere) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path() + "/log.db");
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
  std::cout << "power: append: " << history.size() << " changes of the disk, " << counts.kills
            << " kills, " << counts.power_cuts << " power cuts, " << counts.torn
            << " torn power cuts\n";
}

// A log whose disk fails at one of its changes, while a script is played on it.
class BrokenDisk {
 public:
  BrokenDisk(int good, FaultVfs::Fault fault, int times) {
    vfs_.fail_changes(good, fault, times);
    script_.play();
    faults_ = vfs_.faults();
    vfs_.heal();
  }
  [[nodiscard]] int faults() const { return faults_; }
  [[nodiscard]] const ScriptedLog& script() const { return script_; }

  // What was acknowledged is there once the disk is well again.
  void expect_whole_when_healed() const {
    expect_whole(folder_.path(), script_.proposals(), std::numeric_limits<std::size_t>::max());
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
  FaultVfs vfs_{folder_.path() + "/log.db"};
  ScriptedLog script_{folder_.path(), 3, vfs_};
  int faults_ = 0;
};

// Breaks every change of the disk in turn: once or, every other time, for good. With more torn
// disks than one per power cut, both. How many changes were broken.
int break_everywhere(FaultVfs::Fault fault, const std::function<void(const BrokenDisk&)>& look) {
  int broken = 0;
  bool met = true;
  for (int good = 0; met && !testing::Test::HasFailure(); ++good) {
    for (const int times : {1, FaultVfs::kForever}) {
      if (torn_per_point() == 1 && (good % 2 == 0) == (times == 1)) continue;
      const BrokenDisk disk(good, fault, times);
      met = disk.faults() > 0;
      look(disk);
      disk.expect_whole_when_healed();
      if (testing::Test::HasFailure())
        ADD_FAILURE() << "change " << good << ", " << (times == 1 ? "once" : "for good");
      broken += met ? 1 : 0;
    }
  }
  return broken;
}

TEST(AppendPower, WhereverTheDiskBreaksTheLogEndsAndKeepsWhatItAcknowledged) {
  const int broken = break_everywhere(FaultVfs::Fault::io_error, [](const BrokenDisk& disk) {
    disk.expect_refused_with(Errc::log_unavailable);
  });
  EXPECT_GT(broken, 80);
  std::cout << "power: append: " << broken << " errors of the disk\n";
}

TEST(AppendPower, WhereverTheDiskIsFullTheLogRefusesAndGoesOn) {
  int refused = 0;
  const int broken = break_everywhere(FaultVfs::Fault::disk_full, [&](const BrokenDisk& disk) {
    refused += disk.script().refused_by_full_disk();
    disk.expect_refused_with(Errc::disk_full);
    EXPECT_EQ(disk.script().fatal_calls(), 0);
    if (const auto& why = disk.script().refused_to_open()) {
      EXPECT_EQ(why->code, Errc::disk_full) << why->message;
    }
  });
  EXPECT_GT(broken, 80);
  EXPECT_GT(refused, broken);
  std::cout << "power: append: " << broken << " times a full disk\n";
}

}  // namespace
}  // namespace signalbox::power
