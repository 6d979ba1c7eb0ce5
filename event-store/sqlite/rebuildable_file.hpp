// A SQLite file whose content can be made again from the log (snapshots, archive): it belongs to
// one log and one format, and when it is damaged, foreign or of another format it is moved aside
// and begun anew. Its owner alone can read it (private_file). WAL with synchronous=NORMAL; exactly
// one connection writes and checkpoints it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "event-store/model/ids.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

struct FileFormat {
  std::int32_t application_id;  // tells our files from any other, and one kind from another
  std::int32_t version;         // a file of another version is made anew
  const char* schema;           // statements that make the tables of an empty file
};

// The writing connection. `warn` gets one sentence when a file was moved aside. Errors: as
// SqliteDatabase, when a new file cannot be made either. The folder exists.
[[nodiscard]] Result<SqliteDatabase> open_rebuildable(
    const std::string& path, const FileFormat& format, const LogId& log,
    const std::function<void(const std::string&)>& warn);

// Moves the file aside and begins anew; no connection writes to it any more. Waits for those of
// this process that are just opening it to read.
[[nodiscard]] Result<SqliteDatabase> make_anew(const std::string& path, const FileFormat& format,
                                               const LogId& log, const std::string& why,
                                               const std::function<void(const std::string&)>& warn);

// For who only looks, also beside the writing connection and in a folder where nothing can be made.
// Errors: not_found (no file, or one that nothing was committed to), corrupt (also: of another
// kind, format or log), io_error.
[[nodiscard]] Result<SqliteDatabase> open_rebuildable_to_read(const std::string& path,
                                                              const FileFormat& format,
                                                              const LogId& log);

// The same of a file whose kind and log the caller judges.
[[nodiscard]] Result<SqliteDatabase> open_beside_writer(const std::string& path,
                                                        SqliteDatabase::Access access);

}  // namespace signalbox::event_store
