// SnapshotReader: the snapshots of a data directory for tools that only look, beside the process
// that writes them or in a copy. It takes no lock and writes nothing; what it reads is a cache,
// behind the log by nature, and may be damaged. Every call is a read transaction of its own.
// Thread: one at a time. Errors: not_found (no file), corrupt (also: of another format or log),
// io_error.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/ids.hpp"
#include "event-store/snapshot/snapshot_store.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

class SnapshotReader {
 public:
  // `path`: the file.
  [[nodiscard]] static Result<SnapshotReader> open(const std::string& path, const LogId& log);

  // nullopt: there is none under the key. Error corrupt: it does not match its SHA-256.
  [[nodiscard]] Result<std::optional<Snapshot>> get(std::string_view key);

  // Visits all, by key, each batch as of its own moment; a damaged one as its Error.
  using Visit = std::function<void(std::string_view key, const Result<Snapshot>& snapshot)>;
  [[nodiscard]] Result<void> scan(const Visit& visit);

 private:
  SnapshotReader(SqliteDatabase file, SqliteStatement one, SqliteStatement all)
      : file_(std::move(file)), one_(std::move(one)), all_(std::move(all)) {}

  SqliteDatabase file_;
  SqliteStatement one_;
  SqliteStatement all_;
};

}  // namespace signalbox::event_store
