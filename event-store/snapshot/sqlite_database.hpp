// SqliteDatabase and SqliteStatement: SQLite's handles as owned objects and its failures as Errors.
// For the stores that can be rebuilt from the log (snapshots, archive); both use WAL with
// synchronous=NORMAL, and of each file exactly one connection writes and checkpoints.
// Thread: one per connection and its statements. Errors: disk_full, corrupt (also: no database),
// unavailable (locked), io_error for all else; the message names the file.
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
  enum class Access { read_only, read_write };

  // read_write creates the file where there is none and sets WAL and synchronous=NORMAL.
  [[nodiscard]] static Result<SqliteDatabase> open(const std::string& path, Access access);

  // One or more statements without rows of interest.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);
  // The first column of the first row of a query, as a number.
  [[nodiscard]] Result<std::int64_t> query_number(std::string_view sql);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
};

// Renames a database file that cannot be used, with its journal, to `<path>.damaged-<n>` (the first
// n from 1 on that is free) and returns the new name. No connection has it open any more.
[[nodiscard]] Result<std::string> move_database_aside(const std::string& path);

}  // namespace signalbox::event_store
