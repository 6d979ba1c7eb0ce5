// Small files beside SQLite (keys, anchors, notes of checkpoints) when the power fails or the
// process is killed at any step of their making: each is there as it was before or as it is after,
// and what is left of the making is in nobody's way.
#include "event-store/sqlite/durable_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
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

}  // namespace
}  // namespace signalbox::power
