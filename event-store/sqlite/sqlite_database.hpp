// SqliteDatabase and SqliteStatement: SQLite's handles as owned objects and its failures as Errors.
// Thread: one per connection and its statements. Errors: disk_full, corrupt (also: no database),
// unavailable (locked), io_error for all else; the message names the file and the system's reason.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace signalbox::event_store {

class SqliteStatement {
 public:
  SqliteStatement() = default;  // of no database, to be assigned to

  // Parameters count from 1. Bytes are not copied: they stay as they are until the next reset().
  void bind(int parameter, std::int64_t number);
  void bind_text(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  void bind_null(int parameter);

  // True: a row stands ready; false: done.
  [[nodiscard]] Result<bool> step();
  // For statements without rows: steps to the end, then resets.
  [[nodiscard]] Result<void> run();
  // Ends the statement, and with it the read transaction it may hold open.
  void reset();

  // Columns count from 0; the bytes are good until the next step() or reset().
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteDatabase {
 public:
  // Only tools that open the file at the same moment can make anybody wait.
  static constexpr int kBusyMilliseconds = 5000;
  enum class Access {
    read_only,
    read_write,
    create,     // made where there is none
    immutable,  // read_only, of a file that nobody writes: nothing is made or locked beside it
  };

  SqliteDatabase() = default;  // of no file, to be assigned to

  // An empty `vfs_name` means the system's. Waits up to 5 s for a file that somebody else holds.
  [[nodiscard]] static Result<SqliteDatabase> open(const std::string& path, Access access,
                                                   const std::string& vfs_name = {});

  // One or more statements without rows of interest.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);
  // The first column of the first row of a query, as a number.
  [[nodiscard]] Result<std::int64_t> query_number(std::string_view sql);

  // For who must know more than the Error of a call that just failed: SQLite's extended code, the
  // system's errno, and the Error again, told as "`doing` FILE: ...".
  [[nodiscard]] int last_code() const;
  [[nodiscard]] int system_errno() const;
  [[nodiscard]] Error last_error(std::string_view doing) const;
  [[nodiscard]] sqlite3* get() const { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace signalbox::event_store
