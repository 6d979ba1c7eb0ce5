// Is the folder of the data sound: there, its owner's alone, writable, on a file system that keeps
// what it says it has synced, and with room left. Blocks on the disk; any thread.
// Checks: data-folder, data-files, file-system, fdatasync.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "event-store/model/result.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/mount.hpp"

namespace signalbox::doctor {

[[nodiscard]] Finding check_data_folder(const std::string& data);
// The files in it, one level down.
[[nodiscard]] std::vector<Finding> check_data_files(const std::string& data);
[[nodiscard]] Finding judge_file_system(const std::string& data, const Mount& mount);

struct SyncTimes {
  std::chrono::microseconds median;
  std::chrono::microseconds slowest;
  int count;
};
// Writes and syncs a file that has no name, so that nothing is left of it whatever happens. Errors:
// io_error, disk_full.
[[nodiscard]] Result<SyncTimes> measure_fdatasync(const std::string& folder);
[[nodiscard]] Finding judge_fdatasync(const std::string& data, const Result<SyncTimes>& times,
                                      const Mount& mount);

}  // namespace signalbox::doctor
