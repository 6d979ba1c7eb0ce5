// Copies the embedded log of one data directory into another, beside the process that writes it,
// with a `head` of its own. Blocks on the disk; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/sqlite/database_copy.hpp"

namespace signalbox::event_store {

struct LogBackup {
  LogDescription description;
  std::int64_t rows;  // ever written, as the copy says
  std::int64_t bytes;
};

// `to` is a folder without a log. Errors: not_found (no log in `from`), bad_config (another
// program's file, or a newer one), corrupt (`head` says that rows are missing at the end), stopped,
// disk_full, io_error.
[[nodiscard]] Result<LogBackup> back_up_log(const std::string& from, const std::string& to,
                                            const CopyWatch& watch);

}  // namespace signalbox::event_store
