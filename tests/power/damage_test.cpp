// Bits that flip and files that are cut: log, write-ahead log, witness, anchors, archive,
// snapshots. Either a look at the data directory says so, or what it shows is what was written. A
// log that is shorter, with its witness gone, is seen by the anchors, which lie elsewhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "replay/anchor_check.hpp"
#include "replay/archive_check.hpp"
#include "replay/verify_report.hpp"
#include "tests/archive/running_archive.hpp"
#include "tests/archive/written_log.hpp"
#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"
#include "tests/power/crash_points.hpp"

namespace signalbox::power {
namespace {

namespace fs = std::filesystem;
using event_store::LogReader;
using event_store::SqliteSnapshotStore;
using event_store::TemporaryDirectory;
using event_store::WrittenLog;
using test_support::Files;

constexpr std::int32_t kPartitions = 2;

// What somebody sees who looks at everything in a data directory; nullopt: he is told of damage.
struct Seen {
  std::map<TopicPartition, std::string> records;
  std::int64_t archived = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::optional<std::string> records_of(LogReader& log, const TopicPartition& at) {
  const auto bounds = log.bounds(at);
  if (!bounds) return std::nullopt;
  std::string all;
  for (Offset next = bounds->first; next < bounds->end;) {
    const auto records = log.read(at, next, {});
    if (!records || records->empty()) return std::nullopt;
    for (const RecordPtr& record : *records)
      all += record->key.value_or("") + record->headers.bytes() + record->value;
    next = records->back()->offset + 1;
  }
  return all;
}

// In the order in which they were appended, as `replay timeline` shows those of all users.
bool can_read_events(LogReader& log) {
  for (std::int64_t row = 0;;) {
    const auto events = log.read_events(row, {.records_max = 4});
    if (!events) return false;
    if (events->empty()) return true;
    row = events->back().row;
  }
}

std::optional<Seen> look_at(const std::string& folder) {
  auto log = LogReader::open(folder);
  if (!log) return std::nullopt;
  const bool has_events = can_read_events(*log);
  replay::ArchiveCheck archive(folder + "/archive", log->describe(), std::nullopt);
  replay::AnchorCheck anchors(folder + "/anchors", folder + "/archive", log->describe(),
                              std::nullopt);
  const auto report = replay::verify_log(*log, {.observers = {&archive, &anchors}},
                                         [](const replay::Progress&) { return true; });
  if (!has_events || !report || !replay::is_whole(*report) || archive.files_missing() > 0)
    return std::nullopt;
  Seen seen{.records = {}, .archived = archive.compared()};
  for (const Topic topic : {Topic::inbound, Topic::events})
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      auto records = records_of(*log, {topic, Partition(p)});
      if (!records) return std::nullopt;
      seen.records[{topic, Partition(p)}] = *std::move(records);
    }
  return seen;
}

// A data directory as a service leaves it, all events in the archive and under an anchor: in memory
// by relative path, so that copies of it can be damaged.
class Data {
 public:
  enum class State { closed, open };  // open: the log is in its write-ahead log alone

  explicit Data(State state) {
    event_store::SqliteEventLogOptions options;
    options.wal_reserve_bytes = 0;
    options.idle_after = std::chrono::hours(1);
    WrittenLog log(folder_.path(), kPartitions, options);
    for (int i = 0; i < 6; ++i)
      for (const char* const user : {"anna", "berta", "carla"}) log.add_event(user, "t");
    log.settle();
    {
      auto anchoring =
          event_store::Anchoring::open(folder_.path() + "/anchor.key", log.log().describe().log_id,
                                       {.folder = folder_.path() + "/anchors", .events = 2});
      EXPECT_TRUE(anchoring);
      event_store::ArchiveOptions archive;
      archive.anchors = *std::move(anchoring);
      event_store::RunningArchive(log.log(), folder_.path() + "/archive", archive)
          .wait_until_complete();
    }
    if (state == State::closed) log.close();
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      const std::string name = entry.path().lexically_relative(folder_.path()).string();
      if (entry.is_regular_file() && !name.ends_with("-shm") && name != "lock")
        files_[name] = event_store::read_file(entry.path().string());
    }
    expected_ = look_at_copy([](Files&) {});
  }

  [[nodiscard]] const std::optional<Seen>& expected() const { return expected_; }
  [[nodiscard]] const std::string& file(const std::string& name) const { return files_.at(name); }
  // The name of the newest anchor of the first partition.
  [[nodiscard]] std::string newest_anchor() const {
    const auto after = files_.lower_bound("anchors/0/~");
    const std::string name = after == files_.begin() ? "" : std::prev(after)->first;
    EXPECT_TRUE(name.starts_with("anchors/0/")) << name;
    return name;
  }
  [[nodiscard]] static std::optional<Seen> look_at_files(const Files& files) {
    const TemporaryDirectory copy;
    for (const auto& [name, bytes] : files) {
      fs::create_directories(fs::path(copy.path() + "/" + name).parent_path());
      event_store::write_file(copy.path() + "/" + name, bytes);
    }
    return look_at(copy.path());
  }
  [[nodiscard]] std::optional<Seen> look_at_copy(const std::function<void(Files&)>& damage) const {
    Files files = files_;
    damage(files);
    return look_at_files(files);
  }

 private:
  TemporaryDirectory folder_;
  Files files_;
  std::optional<Seen> expected_;
};

struct Flip {
  std::size_t at;
  int bit;
};
// Of a file of this size: in every byte of its header, and for each torn disk one in 100 bytes
// elsewhere, at most as many.
std::vector<Flip> flips_of(std::size_t size) {
  Random random(size);
  std::vector<Flip> flips;
  for (std::size_t at = 0; at < 100; ++at) flips.push_back({at, static_cast<int>(random.below(8))});
  const std::uint64_t elsewhere = std::min<std::uint64_t>(100, size / 100);
  for (std::uint64_t i = 0; i < elsewhere * torn_per_point(); ++i)
    flips.push_back({random.below(size), static_cast<int>(random.below(8))});
  return flips;
}

std::vector<std::size_t> cuts_of(std::size_t size) {
  Random random(size);
  std::vector<std::size_t> cuts{0, 1, 31, 32, 99, 100, 4095, 4096, size - 1};
  for (std::uint64_t i = 0; i < 20 * torn_per_point(); ++i) cuts.push_back(random.below(size));
  for (std::size_t at = 4096; at < size; at += 4096) cuts.push_back(at);
  std::erase_if(cuts, [&](std::size_t at) { return at >= size; });
  return cuts;
}

void flip(std::string& bytes, const Flip& where) {
  bytes[where.at] =
      static_cast<char>(static_cast<unsigned char>(bytes[where.at]) ^ (1U << where.bit));
}

// Tries all flips and cuts of one file; how many of how many were told, which are at least so many.
void damage_everywhere(
    const Data& data, const std::string& name,
    const std::function<void(Files&)>& also = [](Files&) {}, int told_min = 20) {
  int told = 0;
  const auto expect_no_silence = [&](const std::string& what, const auto& damage) {
    const auto seen = data.look_at_copy([&](Files& files) {
      damage(files.at(name));
      also(files);
    });
    told += seen ? 0 : 1;
    EXPECT_TRUE(!seen || seen == data.expected()) << name << ": " << what << " passes silently";
  };
  const auto flips = flips_of(data.file(name).size());
  for (const Flip& one : flips)
    expect_no_silence("bit " + std::to_string(one.bit) + " of byte " + std::to_string(one.at),
                      [&](std::string& bytes) { flip(bytes, one); });
  const auto cuts = cuts_of(data.file(name).size());
  for (const std::size_t size : cuts)
    expect_no_silence("cut to " + std::to_string(size),
                      [&](std::string& bytes) { bytes.resize(size); });
  std::cout << "power: " << name << ": " << flips.size() << " flips, " << cuts.size() << " cuts, "
            << told << " told, the others harmless\n";
  EXPECT_GE(told, told_min);
}

const Data& closed_data() {
  static const Data data(Data::State::closed);
  return data;
}
const Data& open_data() {
  static const Data data(Data::State::open);
  return data;
}

TEST(Damage, WithoutAnyEverythingIsThere) {
  ASSERT_TRUE(closed_data().expected());
  EXPECT_EQ(closed_data().expected()->archived, 18);
  ASSERT_TRUE(open_data().expected());
  EXPECT_EQ(open_data().expected()->archived, 18);
}

TEST(Damage, OfTheLogIsToldOrHarmless) { damage_everywhere(closed_data(), "log.db"); }

TEST(Damage, OfTheWriteAheadLogIsToldOrHarmless) { damage_everywhere(open_data(), "log.db-wal"); }

TEST(Damage, OfTheWriteAheadLogIsSeenByTheAnchorsWhereTheWitnessIsGone) {
  damage_everywhere(open_data(), "log.db-wal", [](Files& files) { files.erase("head"); });
}

// Who looks takes a witness that cannot be read for none (the log's writer refuses it), but not one
// that says more than the log has.
TEST(Damage, OfTheWitnessIsToldOrHarmless) {
  damage_everywhere(
      closed_data(), "head", [](Files&) {}, 5);
}

TEST(Damage, OfAnAnchorIsToldOrHarmless) {
  damage_everywhere(closed_data(), closed_data().newest_anchor());
}

TEST(Damage, OfTheArchiveIsToldOrHarmless) {
  damage_everywhere(closed_data(), "archive/0.db");
  damage_everywhere(closed_data(), "archive/1.db");
}

// On every page of rows that has this text, the last row gets the number 1, as if the page led
// back. Rows are numbered below 128, so that a number is one byte.
void lead_back(std::string& bytes, std::string_view text) {
  constexpr std::size_t kPage = 4096;
  constexpr char kRows = 0x0d;
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(bytes[at] & 0xff); };
  int changed = 0;
  for (std::size_t page = kPage; page < bytes.size(); page += kPage) {
    if (bytes[page] != kRows || bytes.substr(page, kPage).find(text) == std::string::npos) continue;
    const std::size_t rows = byte(page + 3) << 8 | byte(page + 4);
    const std::size_t pointer = page + 8 + 2 * (rows - 1);
    std::size_t row = page + (byte(pointer) << 8 | byte(pointer + 1));
    while ((byte(row) & 0x80) != 0) ++row;  // its size
    bytes[row + 1] = 1;
    ++changed;
  }
  ASSERT_GT(changed, 0);
}

// A journal is what a file has before its first commit, and nothing more once there was one.
TEST(Damage, AnEmptyJournalHidesNoArchive) {
  EXPECT_EQ(closed_data().look_at_copy([](Files& files) { files["archive/0.db-journal"] = ""; }),
            closed_data().expected());
}

// `replay verify` read such a file for ever, and `replay timeline` ended by an assertion.
TEST(Damage, RowsThatLeadBackEndAVerification) {
  for (const char* const name : {"log.db", "archive/0.db", "archive/1.db"})
    EXPECT_FALSE(closed_data().look_at_copy([&](Files& files) {
      lead_back(files.at(name), "/test");
    })) << name;
}

TEST(Damage, OfSnapshotsIsToldOrHarmless) {
  const LogId log(Uuid{{1, 2, 3}});
  const TemporaryDirectory folder;
  const std::string path = folder.path() + "/snapshots.db";
  const auto value_of = [](int i) {
    return "state of " + std::to_string(i) + std::string(500, 'x');
  };
  constexpr int kKeys = 40;
  {
    auto store = SqliteSnapshotStore::open(path, log, {});
    ASSERT_TRUE(store);
    for (int i = 0; i < kKeys; ++i)
      ASSERT_TRUE((*store)->put("user " + std::to_string(i), {1, 1, value_of(i)}));
    ASSERT_TRUE((*store)->flush());
  }
  const std::string whole = event_store::read_file(path);
  int told = 0;
  const auto expect_no_silence = [&](const std::string& what, const std::string& bytes) {
    const TemporaryDirectory copy;
    event_store::write_file(copy.path() + "/snapshots.db", bytes);
    bool is_told = false;
    event_store::SnapshotStoreOptions options;
    options.warn = [&](const std::string&) { is_told = true; };
    auto store = SqliteSnapshotStore::open(copy.path() + "/snapshots.db", log, options);
    for (int i = 0; store && i < kKeys && !is_told; ++i) {
      const auto snapshot = (*store)->get("user " + std::to_string(i));
      is_told = !snapshot;
      if (is_told) break;
      ASSERT_TRUE(*snapshot) << what << ": a snapshot is gone silently";
      ASSERT_EQ((*snapshot)->bytes, value_of(i)) << what;
    }
    told += !store || is_told ? 1 : 0;
  };
  const auto flips = flips_of(whole.size());
  for (const Flip& one : flips) {
    std::string bytes = whole;
    flip(bytes, one);
    expect_no_silence("bit " + std::to_string(one.bit) + " of byte " + std::to_string(one.at),
                      bytes);
  }
  const auto cuts = cuts_of(whole.size());
  // One of no byte, or of one, is to SQLite as one that was removed, which anybody may do.
  for (const std::size_t size : cuts)
    if (size > 1) expect_no_silence("cut to " + std::to_string(size), whole.substr(0, size));
  std::cout << "power: snapshots.db: " << flips.size() << " flips, " << cuts.size() << " cuts, "
            << told << " told, the others harmless\n";
  EXPECT_GT(told, 20);
}

}  // namespace
}  // namespace signalbox::power
