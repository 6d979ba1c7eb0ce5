#include "tests/power/crash_points.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "tests/log/sqlite_file.hpp"
#include "tests/log/sqlite_fixture.hpp"

namespace signalbox::power {
namespace {

namespace fs = std::filesystem;
using test_support::Crash;
using test_support::Disk;
using test_support::Files;

void write_files(const Files& files, const fs::path& from, const fs::path& to) {
  for (const auto& [path, bytes] : files) {
    const fs::path place = to / fs::path(path).lexically_relative(from);
    fs::create_directories(place.parent_path());
    event_store::write_file(place.string(), bytes);
  }
}

struct Left {
  Files files;
  CrashPoint point;
};

std::vector<CrashPoint> points_after(std::size_t changes) {
  std::vector<CrashPoint> points{{Crash::kill, changes, 0}, {Crash::power_cut, changes, 0}};
  for (std::uint64_t i = 0; i < torn_per_point(); ++i)
    points.push_back({Crash::torn, changes, changes * 1000 + i});
  return points;
}

void count(CrashCounts& counts, Crash crash) {
  switch (crash) {
    case Crash::kill: ++counts.kills; break;
    case Crash::power_cut: ++counts.power_cuts; break;
    case Crash::torn: ++counts.torn; break;
  }
}

}  // namespace

std::string to_text(const CrashPoint& point) {
  const char* const what = point.crash == Crash::kill        ? "kill"
                           : point.crash == Crash::power_cut ? "power cut"
                                                             : "torn power cut";
  return std::string(what) + " after " + std::to_string(point.changes) + " changes, seed " +
         std::to_string(point.seed);
}

std::uint64_t torn_per_point() {
  const char* const asked = std::getenv("SIGNALBOX_POWER_SEEDS");
  return asked == nullptr ? 1 : std::strtoull(asked, nullptr, 10);
}

int one_in(int few) { return torn_per_point() > 1 ? 1 : few; }

void leave_files(const test_support::DiskHistory& history, Crash crash, const std::string& folder,
                 const std::string& left_in) {
  Disk disk;
  for (const Disk::Change& change : history) disk.apply(change);
  Random random(1);
  write_files(disk.left_by(crash, random), folder, left_in);
}

CrashCounts crash_everywhere(const test_support::DiskHistory& history, const std::string& folder,
                             const Look& look, std::size_t from, int every) {
  CrashCounts counts;
  Disk disk;
  std::map<Crash, Left> waiting;
  const auto look_at = [&](const Left& left) {
    const event_store::TemporaryDirectory left_in;
    write_files(left.files, folder, left_in.path());
    look(left_in.path(), left.point);
    if (testing::Test::HasFailure()) ADD_FAILURE() << to_text(left.point);
  };
  for (std::size_t changes = 0; changes <= history.size(); ++changes) {
    if (changes > 0) disk.apply(history[changes - 1]);
    if (changes < from || (changes - from) % static_cast<std::size_t>(every) != 0) continue;
    for (const CrashPoint& point : points_after(changes)) {
      count(counts, point.crash);
      Random random(point.seed);
      Left left{disk.left_by(point.crash, random), point};
      const auto [last, is_first] = waiting.try_emplace(point.crash, left);
      if (!is_first && last->second.files != left.files) look_at(last->second);
      if (testing::Test::HasFailure()) return counts;
      last->second = std::move(left);
    }
  }
  for (const auto& [crash, left] : waiting) look_at(left);
  return counts;
}

int crash_again(test_support::FaultVfs& vfs, const std::string& left_in, const std::string& watched,
                int every, const std::function<void()>& recover, const Look& look) {
  vfs.record(watched, left_in);
  const std::size_t found = vfs.changes();
  recover();
  int looks = 0;
  crash_everywhere(
      vfs.recorded(), left_in,
      [&](const std::string& left_twice, const CrashPoint& point) {
        look(left_twice, point);
        ++looks;
      },
      found, every);
  return looks;
}

}  // namespace signalbox::power
