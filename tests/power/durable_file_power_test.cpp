// Small files beside SQLite (keys, anchors, notes of checkpoints) when the power fails, the process
// is killed or the disk breaks at any step of their making: each is there as it was before or as it
// is after, and what is left of the making is in nobody's way.
#include "event-store/sqlite/durable_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/signed_note.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/power/crash_points.hpp"
#include "tests/support/fault_vfs.hpp"

namespace signalbox::power {
namespace {

using event_store::make_durably;
using event_store::read_small_file;
using event_store::SigningKey;
using event_store::TemporaryDirectory;
using event_store::write_durably;
using test_support::DiskHistory;
using test_support::FaultVfs;

constexpr std::size_t kBytesMax = 10'000;

std::optional<std::string> content_of(const std::string& path) {
  const auto read = read_small_file(path, kBytesMax);
  EXPECT_TRUE(read || read.error().code == Errc::not_found) << read.error().message;
  return read ? std::optional(*read) : std::nullopt;
}

class DurableFilePower : public testing::Test {
 protected:
  DurableFilePower() {
    std::filesystem::create_directory(notes_);
    vfs_.record(notes_);
  }
  // Ends the recording.
  void crash(const Look& look) {
    const DiskHistory history = vfs_.recorded();
    const CrashCounts counts = crash_everywhere(history, folder_.path(), look);
    EXPECT_GT(counts.kills, 5);
    std::cout << "power: small files: " << history.size() << " changes of the disk, "
              << counts.kills << " kills, " << counts.power_cuts << " power cuts, " << counts.torn
              << " torn power cuts\n";
  }

  const TemporaryDirectory folder_;
  const std::string notes_ = folder_.path() + "/notes";
  FaultVfs vfs_{folder_.path() + "/notes"};
};

TEST_F(DurableFilePower, AFileThatIsReplacedIsTheOldOneOrTheNewOne) {
  const std::vector<std::string> contents{"first", std::string(3000, 's'), "third"};
  std::vector<std::size_t> written_after;
  for (const std::string& content : contents) {
    ASSERT_TRUE(write_durably(notes_ + "/note", content));
    written_after.push_back(vfs_.changes());
  }
  crash([&](const std::string& left_in, const CrashPoint& point) {
    const std::string path = left_in + "/notes/note";
    std::size_t oldest = 0;  // contents that must have come; one more may have
    while (oldest < contents.size() && written_after[oldest] <= point.changes) ++oldest;
    const auto found = content_of(path);
    const bool is_oldest =
        oldest == 0 ? !found.has_value() : found.has_value() && *found == contents[oldest - 1];
    const bool is_next = oldest < contents.size() && found == contents[oldest];
    EXPECT_TRUE(is_oldest || is_next) << found.value_or("nothing").substr(0, 20);
    std::filesystem::create_directories(left_in + "/notes");
    ASSERT_TRUE(write_durably(path, "again"));
    EXPECT_EQ(content_of(path), "again");
  });
}

TEST_F(DurableFilePower, AFileThatIsMadeOnceIsWholeOrCanBeMade) {
  ASSERT_TRUE(make_durably(notes_ + "/key", std::string(2000, 'k')).value());
  const std::size_t made_after = vfs_.changes();
  EXPECT_FALSE(make_durably(notes_ + "/key", "another").value());
  crash([&](const std::string& left_in, const CrashPoint& point) {
    const std::string path = left_in + "/notes/key";
    const auto found = content_of(path);
    if (found) {
      EXPECT_EQ(*found, std::string(2000, 'k'));
    }
    if (point.changes >= made_after) {
      EXPECT_TRUE(found);
    }
    std::filesystem::create_directories(left_in + "/notes");
    const auto made = make_durably(path, "again");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(*made, !found.has_value());
  });
}

TEST_F(DurableFilePower, AKeyThatSignedAnythingIsThere) {
  const auto key = SigningKey::load_or_make(notes_ + "/anchor.key");
  ASSERT_TRUE(key) << key.error().message;
  const std::size_t made_after = vfs_.changes();
  crash([&](const std::string& left_in, const CrashPoint& point) {
    std::filesystem::create_directories(left_in + "/notes");
    const auto found = SigningKey::load_or_make(left_in + "/notes/anchor.key");
    ASSERT_TRUE(found) << found.error().message;
    if (point.changes >= made_after) {
      EXPECT_EQ(found->public_key(), key->public_key());
    }
  });
}

// What is done to a file in a folder of notes.
using Act = std::function<Result<void>(const std::string& path)>;

// Breaks every change that the act makes, once and for good: what it refuses is for that reason,
// what it says it did is there, and it can be done when the disk is well. How many were broken.
int break_everywhere(FaultVfs::Fault fault, const Act& act) {
  const Errc reason = fault == FaultVfs::Fault::disk_full ? Errc::disk_full : Errc::io_error;
  int broken = 0;
  for (const int times : {1, FaultVfs::kForever}) {
    bool met = true;
    for (int good = 0; met && !testing::Test::HasFailure(); ++good) {
      const TemporaryDirectory folder;
      const std::string path = folder.path() + "/note";
      FaultVfs vfs(path);
      vfs.record(folder.path());
      vfs.fail_changes(good, fault, times);
      const auto done = act(path);
      met = vfs.faults() > 0;
      vfs.heal();
      if (done)
        EXPECT_TRUE(content_of(path));
      else
        EXPECT_EQ(done.error().code, reason) << done.error().message;
      EXPECT_TRUE(met || done);
      const auto again = act(path);
      EXPECT_TRUE(again) << again.error().message;
      if (testing::Test::HasFailure())
        ADD_FAILURE() << "change " << good << ", " << (times == 1 ? "once" : "for good");
      broken += met ? 1 : 0;
    }
  }
  return broken;
}

TEST(DurableFileFaults, WhereverTheDiskFailsItIsToldAndNothingHalfIsThere) {
  const std::string old_note(3000, 'o');
  const std::string new_note(2000, 'n');
  const Act replace = [&](const std::string& path) -> Result<void> {
    if (auto written = write_durably(path, old_note); !written) return written;
    const auto written = write_durably(path, new_note);
    const auto found = content_of(path);
    EXPECT_TRUE(found == new_note || (!written && found == old_note));
    return written;
  };
  const Act make = [&](const std::string& path) -> Result<void> {
    const auto made = make_durably(path, new_note);
    const auto found = content_of(path);
    EXPECT_TRUE(found == new_note || (!made && !found));
    return made.map([](bool) {});
  };
  const Act make_key = [](const std::string& path) -> Result<void> {
    return SigningKey::load_or_make(path).map([](const SigningKey&) {});
  };
  for (const Act& act : {replace, make, make_key}) {
    const int errors = break_everywhere(FaultVfs::Fault::io_error, act);
    const int full = break_everywhere(FaultVfs::Fault::disk_full, act);
    EXPECT_GE(errors, 8);
    EXPECT_GE(full, 4);
    std::cout << "power: small files: " << errors << " errors of the disk, " << full
              << " times a full disk\n";
  }
}

// Numbers of faults are cases of their own: of a full disk what it cannot refuse does not count.
TEST(DurableFileFaults, AFullDiskCountsWhatItRefuses) {
  const TemporaryDirectory folder;
  FaultVfs vfs(folder.path());
  vfs.record(folder.path());
  vfs.fail_changes(2, FaultVfs::Fault::disk_full, FaultVfs::kForever);
  // A file is made and written; it is synced and renamed, too.
  ASSERT_TRUE(write_durably(folder.path() + "/note", "first"));
  EXPECT_EQ(vfs.faults(), 0);
  EXPECT_FALSE(write_durably(folder.path() + "/note", "second"));
  EXPECT_EQ(content_of(folder.path() + "/note"), "first");
}

}  // namespace
}  // namespace signalbox::power
