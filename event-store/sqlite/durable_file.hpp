// Small files that are there whole or not at all, also after the power failed: written beside,
// synced, put in place, and the folder synced. Mode 0600. Blocks on the disk.
// Threads: any, one per path. Errors: disk_full, io_error, with the path and the system's reason.
#pragma once

#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

// Replaces what is at `path`; its folder exists. Until it is in place it is `path` and kUnfinished,
// which whoever lists the folder leaves alone.
[[nodiscard]] Result<void> write_durably(const std::string& path, std::string_view content);
inline constexpr std::string_view kUnfinished = ".new";

// Makes it where there is nothing, whoever else tries at the same moment: false where something is
// there, which is as it was. Threads: any.
[[nodiscard]] Result<bool> make_durably(const std::string& path, std::string_view content);

// For many files of a folder that nobody reads before all are there: none of them is synced by
// itself, which would take milliseconds each; sync_file_system_of() does it once for all.
[[nodiscard]] Result<void> write_for_later_sync(const std::string& path, std::string_view content);
[[nodiscard]] Result<void> sync_file_system_of(const std::string& path);

// What was made or renamed beside `path`, and it itself, is found there after the power failed.
[[nodiscard]] Result<void> sync_folder_of(const std::string& path);

// The whole content. Errors: not_found, too_large (more than `bytes_max`), io_error.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace signalbox::event_store
