// Crashes at every point of a recorded history of a disk, and what they leave in a folder of its
// own, for the component that wrote it to be opened again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/disk_history.hpp"
#include "tests/support/fault_vfs.hpp"

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

// Of cases that are many and slow one in `few` is tried: the distance from one to the next. It is 1
// where more torn disks than one are asked for.
[[nodiscard]] int one_in(int few);

// Gets a folder that has what is left of the files, under the same names.
using Look = std::function<void(const std::string& left_in, const CrashPoint& point)>;

// What this crash leaves of the files under `folder`, in another folder.
void leave_files(const test_support::DiskHistory& history, test_support::Crash crash,
                 const std::string& folder, const std::string& left_in);

// Before each change and after the last one: a kill, a power cut, torn ones, of the files that were
// under `folder`. Where one after the other leaves the same files, only the last of them is looked
// at, when most had been promised. It ends with the first point that is found wrong. The first
// crash comes after `from` changes, the others at every so many further ones.
CrashCounts crash_everywhere(const test_support::DiskHistory& history, const std::string& folder,
                             const Look& look, std::size_t from = 0, int every = 1);

// What a crash left in this folder is opened again by `recover`, and everything that it changes, in
// `watched` too, crashes once more, at every so many changes; how many of these second crashes were
// looked at.
int crash_again(test_support::FaultVfs& vfs, const std::string& left_in, const std::string& watched,
                int every, const std::function<void()>& recover, const Look& look);

}  // namespace signalbox::power
