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
  [[nodiscard]] Result<ArchiveOptions> try_options_for(const std::string& folder) {
    return Anchoring::open(data_.path() + "/anchor.key", log_.log().describe().log_id,
                           {.folder = folder + "/anchors", .events = 5})
        .map([](Anchoring anchoring) {
          ArchiveOptions options;
          options.events_per_commit = 4;
          options.anchors = std::move(anchoring);
          return options;
        });
  }
  [[nodiscard]] ArchiveOptions options_for(const std::string& folder) {
    auto options = try_options_for(folder);
    EXPECT_TRUE(options) << options.error().message;
    return options.value_or(ArchiveOptions());
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

// Whether it came to be within thirty seconds.
bool wait_for(const std::function<bool()>& condition) {
  for (int i = 0; i < 30'000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

// One change in so many is broken.
constexpr int kBroken = 11;

class BrokenArchivePower : public ArchivePower,
                           public testing::WithParamInterface<FaultVfs::Fault> {
 protected:
  // An archive that is made, completed, closed and opened again, on a disk that fails at one of its
  // changes; whether that was met.
  bool break_change(int good, int times) {
    const TemporaryDirectory folder;
    FaultVfs vfs(folder.path() + "/archive/");
    vfs.record(folder.path() + "/anchors");
    vfs.fail_changes(good, GetParam(), times);
    bool is_told = false;
    for (int life = 0; life < 2 && !is_told; ++life) is_told = live(folder.path(), vfs);
    const bool met = is_told || vfs.faults() > 0;
    vfs.heal();
    expect_completed(folder.path());
    EXPECT_EQ(expect_no_damage(folder.path()), events_);
    told_ += is_told ? 1 : 0;
    return met;
  }
  [[nodiscard]] int told() const { return told_; }

 private:
  // One life of it, which ends when it is complete; whether anybody was told of a fault, over which
  // it then gets without being opened again. Complete, it rests: no fault that is met by then may
  // be passed over, also where it got over it. Only what its last checkpoint meets when it is
  // closed need not be told: all is in the journal.
  bool live(const std::string& folder, FaultVfs& vfs) {
    const int met_before = vfs.faults();
    const auto options = try_options_for(folder);
    if (!options) return expect_reason(options.error());
    RunningArchive archive(log_.log(), folder + "/archive", *options);
    if (archive.refused()) return expect_reason(*archive.refused());
    const auto is_told = [&] { return !archive.warnings().empty(); };
    EXPECT_TRUE(wait_for([&] { return is_told() || archive.is_complete(); }));
    const bool is_met = vfs.faults() > met_before;
    EXPECT_TRUE(wait_for([&] { return is_told() || !is_met; }))
        << "a fault was passed over in silence";
    if (is_told()) {
      EXPECT_GT(vfs.faults(), met_before);
      vfs.heal();
      archive.wait_until_complete();
      return true;
    }
    archive.close();
    return false;
  }
  // True: told.
  static bool expect_reason(const Error& error) {
    EXPECT_EQ(error.code,
              GetParam() == FaultVfs::Fault::disk_full ? Errc::disk_full : Errc::io_error)
        << error.message;
    return true;
  }

  int told_ = 0;
};

TEST_P(BrokenArchivePower, WhereverTheDiskFailsItIsToldAndMadeUpFor) {
  add_events(5);
  int broken = 0;
  for (const int times : {1, FaultVfs::kForever}) {
    bool met = true;
    for (int good = 0; met && !HasFailure(); good += one_in(kBroken)) {
      met = break_change(good, times);
      if (HasFailure())
        ADD_FAILURE() << "change " << good << ", " << (times == 1 ? "once" : "for good");
      broken += met ? 1 : 0;
    }
  }
  EXPECT_GT(broken, 25);
  EXPECT_GT(told(), broken / 2);
  std::cout << "power: archive: " << broken << " times a disk that is "
            << (GetParam() == FaultVfs::Fault::io_error ? "broken" : "full") << ", " << told()
            << " told before the archive was closed\n";
}

INSTANTIATE_TEST_SUITE_P(Faults, BrokenArchivePower,
                         testing::Values(FaultVfs::Fault::io_error, FaultVfs::Fault::disk_full));

// One moment in so many is followed by a second crash, at one change in so many of completing what
// was left.
constexpr std::size_t kArchiveStruckAgain = 60;
constexpr int kArchiveStruckEvery = 45;

TEST_F(ArchivePower, WhereverASecondCrashComesTheArchiveAgreesWithTheLogAndIsMadeComplete) {
  const TemporaryDirectory folder;
  FaultVfs vfs("/archive/");
  vfs.record(folder.path() + "/anchors");
  add_events(2);
  write_archive(folder.path());
  int first = 0;
  int second = 0;
  crash_everywhere(vfs.recorded(), folder.path(),
                   [&](const std::string& left_in, const CrashPoint& point) {
                     if (point.changes % kArchiveStruckAgain != kArchiveStruckAgain / 2) return;
                     ++first;
                     second += crash_again(
                         vfs, left_in, left_in + "/anchors", one_in(kArchiveStruckEvery),
                         [&] { expect_completed(left_in); },
                         [&](const std::string& left_twice, const CrashPoint&) {
                           expect_no_damage(left_twice);
                           expect_completed(left_twice);
                           EXPECT_EQ(expect_no_damage(left_twice), events_);
                         });
                   });
  EXPECT_GT(second, 30);
  std::cout << "power: archive: " << second << " second crashes after " << first << " first ones\n";
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
