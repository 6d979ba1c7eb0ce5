// Archive and anchors when the power fails, the process is killed or the disk breaks at any moment.
// What is left of the archive agrees with the log and its anchors as far as it goes, without being
// opened by its writer; and its writer makes it complete again and contradicts no anchor.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "replay/anchor_check.hpp"
#include "replay/archive_check.hpp"
#include "replay/verify_report.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/power/crash_points.hpp"
#include "tests/support/fault_vfs.hpp"

namespace signalbox::power {
namespace {

using event_store::Anchoring;
using event_store::ArchiveOptions;
using event_store::ArchiveStatus;
using event_store::LogReader;
using event_store::RunningArchive;
using event_store::TemporaryDirectory;
using event_store::WrittenLog;
using test_support::DiskHistory;
using test_support::FaultVfs;

class ArchivePower : public testing::Test {
 protected:
  void add_events(int rounds) {
    for (int i = 0; i < rounds; ++i)
      for (const char* const user : {"anna", "berta", "carla"}) {
        log_.add_event(user, "t" + std::to_string(i % 2));
        ++events_;
      }
    log_.settle();
  }
  [[nodiscard]] ArchiveOptions options_for(const std::string& folder) {
    ArchiveOptions options;
    options.events_per_commit = 4;
    auto anchoring = Anchoring::open(data_.path() + "/anchor.key", log_.log().describe().log_id,
                                     {.folder = folder + "/anchors", .events = 5});
    EXPECT_TRUE(anchoring) << anchoring.error().message;
    if (anchoring) options.anchors = *std::move(anchoring);
    return options;
  }
  // Two lives of an archive in this folder.
  void write_archive(const std::string& folder) {
    RunningArchive(log_.log(), folder + "/archive", options_for(folder)).wait_until_complete();
    add_events(2);
    RunningArchive(log_.log(), folder + "/archive", options_for(folder)).wait_until_complete();
  }

  // Archive and anchors in this folder say nothing but what the log says; events in the archive.
  std::int64_t expect_no_damage(const std::string& folder) {
    auto log = LogReader::open(data_.path());
    EXPECT_TRUE(log) << log.error().message;
    replay::ArchiveCheck archive(folder + "/archive", log->describe(), std::nullopt);
    replay::AnchorCheck anchors(folder + "/anchors", folder + "/archive", log->describe(),
                                std::nullopt);
    const auto report = replay::verify_log(*log, {.observers = {&archive, &anchors}},
                                           [](const replay::Progress&) { return true; });
    EXPECT_TRUE(report) << report.error().message;
    EXPECT_TRUE(replay::is_whole(*report)) << replay::verdict_text(*report, {});
    return archive.compared();
  }
  // Its writer goes on with what is there.
  void expect_completed(const std::string& folder) {
    RunningArchive archive(log_.log(), folder + "/archive", options_for(folder));
    archive.wait_until_complete();
    for (const ArchiveStatus& status : archive.writer().status())
      EXPECT_FALSE(status.anchors.contradicts);
    EXPECT_EQ(archive.warnings(), std::vector<std::string>{});
  }

  TemporaryDirectory data_;
  WrittenLog log_{data_.path(), 2, {.wal_reserve_bytes = 0}};
  std::int64_t events_ = 0;
};

TEST_F(ArchivePower, WhereverACrashComesTheArchiveAgreesWithTheLogAndIsMadeComplete) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path() + "/archive/");
  vfs.record(folder.path() + "/anchors");
  add_events(3);
  write_archive(folder.path());
  const DiskHistory history = vfs.recorded();
  const CrashCounts counts =
      crash_everywhere(history, folder.path(), [&](const std::string& left_in, const CrashPoint&) {
        expect_no_damage(left_in);
        expect_completed(left_in);
        EXPECT_EQ(expect_no_damage(left_in), events_);
      });
  EXPECT_GT(counts.kills, 80);
  std::cout << "power: archive: " << history.size() << " changes of the disk, " << counts.kills
            << " kills, " << counts.power_cuts << " power cuts, " << counts.torn
            << " torn power cuts\n";
}

// Whether it came to be within five seconds.
bool wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

TEST_F(ArchivePower, WhereverTheDiskFailsItIsToldAndMadeUpFor) {
  for (const auto fault : {FaultVfs::Fault::io_error, FaultVfs::Fault::disk_full}) {
    int broken = 0;
    bool met = true;
    while (met && !HasFailure()) {
      const TemporaryDirectory folder;
      FaultVfs vfs(folder.path() + "/archive/");
      {
        RunningArchive archive(log_.log(), folder.path() + "/archive", options_for(folder.path()));
        archive.wait_until_complete();
        vfs.fail_changes(broken, fault, broken % 2 == 0 ? 1 : FaultVfs::kForever);
        add_events(2);
        // What its last checkpoint meets once it is complete need not be told: all is in the
        // journal.
        EXPECT_TRUE(wait_for([&] { return !archive.warnings().empty() || archive.is_complete(); }));
        const bool is_told = !archive.warnings().empty();
        met = vfs.faults() > 0;
        EXPECT_TRUE(met || !is_told);
        EXPECT_TRUE(is_told || archive.is_complete());
        vfs.heal();
        archive.wait_until_complete();
      }
      EXPECT_EQ(expect_no_damage(folder.path()), events_);
      if (HasFailure()) ADD_FAILURE() << "change " << broken;
      broken += met ? 1 : 0;
    }
    EXPECT_GT(broken, 20);
    std::cout << "power: archive: " << broken << " times a disk that is "
              << (fault == FaultVfs::Fault::io_error ? "broken" : "full") << "\n";
  }
}

// A service that was killed when it had begun the file, and `replay verify` before it starts again.
TEST_F(ArchivePower, AFileThatWasBegunAndNotFinishedIsNoDamage) {
  const TemporaryDirectory folder;
  add_events(1);
  std::filesystem::create_directory(folder.path() + "/archive");
  const std::string file = folder.path() + "/archive/0.db";
  event_store::write_file(file, "");
  EXPECT_EQ(expect_no_damage(folder.path()), 0);
  // The power failed while SQLite wrote its first page, whose journal is there.
  event_store::write_file(file, std::string(4096, '\0'));
  event_store::write_file(file + "-journal", std::string(512, '\0'));
  EXPECT_EQ(expect_no_damage(folder.path()), 0);
  std::filesystem::remove(file + "-journal");
  auto log = LogReader::open(data_.path());
  ASSERT_TRUE(log);
  replay::ArchiveCheck archive(folder.path() + "/archive", log->describe(), std::nullopt);
  const auto report = replay::verify_log(*log, {.observers = {&archive}},
                                         [](const replay::Progress&) { return true; });
  ASSERT_TRUE(report);
  EXPECT_FALSE(replay::is_whole(*report)) << "a page that is no page, without a journal";
}

}  // namespace
}  // namespace signalbox::power
