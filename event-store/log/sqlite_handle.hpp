// LogDatabase and LogStatement: SQLite's handles as owned objects for the log, which has to tell a
// full disk from a failed sync and so sees SQLite's own result codes. Private to this folder.
// Thread: one per connection and its statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

class LogStatement {
 public:
  LogStatement() = default;

  // Parameters count from 1. Bytes are not copied: they stay as they are until the next reset().
  void bind(int parameter, std::int64_t number);
  void bind_blob(int parameter, std::string_view bytes);
  void bind_null(int parameter);

  // SQLITE_ROW, SQLITE_DONE or an extended error code.
  [[nodiscard]] int step();
  // For statements without rows: steps to the end and resets; SQLITE_OK or an extended error code.
  [[nodiscard]] int run();
  void reset();

  // Columns count from 0; bytes are good until the next step() or reset().
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class LogDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class LogDatabase {
 public:
  // `flags` as for sqlite3_open_v2; an empty `vfs_name` means the system's.
  [[nodiscard]] static Result<LogDatabase> open(const std::string& path, int flags,
                                                const std::string& vfs_name);

  // One or more statements without rows of interest; SQLITE_OK or an extended error code.
  [[nodiscard]] int execute(const char* sql);
  [[nodiscard]] Result<LogStatement> prepare(std::string_view sql);
  // First column of the first row of a query.
  [[nodiscard]] Result<std::int64_t> query_number(std::string_view sql);

  // What `code` means to a caller, with SQLite's words and the file's name.
  [[nodiscard]] Error error(int code, std::string_view doing) const;
  // The operating system's reason for the last failure, as errno.
  [[nodiscard]] int system_errno() const { return sqlite3_system_errno(database_.get()); }
  [[nodiscard]] sqlite3* get() const { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace signalbox::event_store
