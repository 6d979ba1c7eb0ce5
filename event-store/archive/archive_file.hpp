// ArchiveFile: one partition's file of an archive, open for reading beside its writer; what
// ArchiveReader and ArchiveIndex share. Thread: one; calls block on the disk. Errors: unavailable
// (there is no file yet), corrupt (named with file and row), io_error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "event-store/archive/file_identity.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

class ArchiveFile {
 public:
  static Result<ArchiveFile> open(const std::string& path, Partition partition);

  [[nodiscard]] Partition partition() const { return partition_; }
  // False once another file has taken the path: the archive was made anew.
  [[nodiscard]] bool is_current() const { return identity_of(path_) == identity_; }
  [[nodiscard]] Result<SqliteStatement> prepare(const std::string& text) {
    return database_.prepare(text);
  }

  // Reads rows in one transaction; the position up to which the archive has everything, which
  // speaks of exactly these rows.
  Result<Position> in_transaction(const std::function<Result<void>()>& read_rows);
  // `row` for each of the statement, until it says false; then the statement is reset.
  static Result<void> for_each(SqliteStatement& statement,
                               const std::function<Result<bool>()>& row);
  // The number rows have of him; none: the archive knows no such user.
  Result<std::optional<std::int64_t>> find_user(const UserId& user);
  [[nodiscard]] tl::unexpected<Error> mismatch(const std::string& what) const {
    return failure(Errc::corrupt, path_ + ": " + what + " does not match its SHA-256");
  }

 private:
  ArchiveFile(std::string path, Partition partition, FileIdentity identity, SqliteDatabase database,
              SqliteStatement user)
      : path_(std::move(path)),
        partition_(partition),
        identity_(identity),
        database_(std::move(database)),
        user_(std::move(user)) {}

  std::string path_;
  Partition partition_;
  FileIdentity identity_;
  SqliteDatabase database_;
  SqliteStatement user_;
};

}  // namespace signalbox::event_store
