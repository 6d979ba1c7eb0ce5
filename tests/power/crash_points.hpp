// Crashes at every point of a recorded history of a disk, and what they leave in a folder of its
// own, for the component that wrote it to be opened again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/disk_history.hpp"

namespace signalbox::power {

// How many were made.
struct CrashCounts {
  int kills = 0;
  int power_cuts = 0;
  int torn = 0;
};

struct CrashPoint {
  test_support::Crash crash;
  std::size_t changes;  // made before it
  std::uint64_t seed;   // of Crash::torn
};
[[nodiscard]] std::string to_text(const CrashPoint& point);

// The environment's SIGNALBOX_POWER_SEEDS: different torn disks per point, usually one.
[[nodiscard]] std::uint64_t torn_per_point();

// Gets a folder that has what is left of the files, under the same names.
using Look = std::function<void(const std::string& left_in, const CrashPoint& point)>;

// What this crash leaves of the files under `folder`, in another folder.
void leave_files(const test_support::DiskHistory& history, test_support::Crash crash,
                 const std::string& folder, const std::string& left_in);

// Before each change and after the last one: a kill, a power cut, torn ones, of the files that were
// under `folder`. Where one after the other leaves the same files, only the last of them is looked
// at, when most had been promised. It ends with the first point that is found wrong. The first
// crash comes after `from` changes.
CrashCounts crash_everywhere(const test_support::DiskHistory& history, const std::string& folder,
                             const Look& look, std::size_t from = 0);

}  // namespace signalbox::power
