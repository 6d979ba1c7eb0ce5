// What a log file says about itself, checked before anybody relies on it; also its schema and
// format numbers. Start-up only. Private to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event-store/log/log_tails.hpp"
#include "event-store/log/sqlite_rows.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

inline constexpr std::array kStoredTopics{Topic::inbound, Topic::events, Topic::connections,
                                          Topic::snapshots, Topic::quarantine};

struct StoredLog {
  LogDescription description;
  std::vector<LogTails::Start> starts;  // of every stored topic and partition
  std::int64_t rows;                    // ever written
};

// True: a log of a version this build knows; false: an empty file. Errors: bad_config (another
// program's file, or of a newer version), corrupt, io_error.
[[nodiscard]] Result<bool> check_format(SqliteDatabase& database, const std::string& path);

// Which log it is. Errors: corrupt.
[[nodiscard]] Result<LogDescription> load_description(SqliteDatabase& database,
                                                      const std::string& path);

// How many rows were ever written, by the stored counter, whatever rows are left.
[[nodiscard]] Result<std::int64_t> load_rows_written(SqliteDatabase& database);

// Creates tables, meta and counters, all at 0. The caller holds a transaction open.
[[nodiscard]] Result<void> create_schema(SqliteDatabase& database,
                                         const LogDescription& description);

// Errors: corrupt (rows and counters disagree), io_error.
[[nodiscard]] Result<StoredLog> load_stored_log(SqliteRowReader& reader, const std::string& path);

}  // namespace signalbox::event_store
