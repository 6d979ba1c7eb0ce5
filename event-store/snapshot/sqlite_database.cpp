#include "event-store/snapshot/sqlite_database.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <system_error>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {

namespace {

constexpr int kBusyMilliseconds = 5000;

Errc code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL: return Errc::disk_full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Errc::unavailable;
    default: return Errc::io_error;
  }
}

tl::unexpected<Error> sqlite_failure(sqlite3* database) {
  const char* name = sqlite3_db_filename(database, "main");
  return failure(code_of(sqlite3_extended_errcode(database)),
                 std::string(name == nullptr ? "" : name) + ": " + sqlite3_errmsg(database));
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void SqliteStatement::bind(int parameter, std::int64_t number) {
  SIGNALBOX_ASSERT(sqlite3_bind_int64(statement_.get(), parameter, number) == SQLITE_OK);
}

void SqliteStatement::bind_text(int parameter, std::string_view text) {
  // An empty view may point nowhere, which SQLite would take for NULL.
  const char* bytes = text.data() == nullptr ? "" : text.data();
  SIGNALBOX_ASSERT(sqlite3_bind_text64(statement_.get(), parameter, bytes, text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
}

void SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  SIGNALBOX_ASSERT(sqlite3_bind_blob64(statement_.get(), parameter, data, bytes.size(),
                                       SQLITE_STATIC) == SQLITE_OK);
}

void SqliteStatement::bind_null(int parameter) {
  SIGNALBOX_ASSERT(sqlite3_bind_null(statement_.get(), parameter) == SQLITE_OK);
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_failure(sqlite3_db_handle(statement_.get()));
}

Result<void> SqliteStatement::run() {
  Result<bool> row = step();
  while (row && *row) row = step();
  reset();
  if (!row) return tl::unexpected<Error>(row.error());
  return {};
}

void SqliteStatement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteStatement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void SqliteDatabase::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, Access access) {
  const int flags = SQLITE_OPEN_NOMUTEX |
                    (access == Access::read_only ? SQLITE_OPEN_READONLY
                                                 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  SqliteDatabase database(opened);
  if (code != SQLITE_OK) return failure(code_of(code), path + ": " + sqlite3_errstr(code));
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
  if (access == Access::read_write) {
    // The journal shrinks again after a burst (64 MiB).
    if (auto set = database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                    "PRAGMA journal_size_limit=67108864;");
        !set)
      return tl::unexpected<Error>(set.error());
  }
  return database;
}

Result<void> SqliteDatabase::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_failure(database_.get());
  return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) != SQLITE_OK)
    return sqlite_failure(database_.get());
  return SqliteStatement(prepared);
}

Result<std::int64_t> SqliteDatabase::query_number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected<Error>(statement.error());
  const auto row = statement->step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row) return failure(Errc::not_found, "no row: " + std::string(sql));
  return statement->number(0);
}

Result<std::string> move_database_aside(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::string aside;
  for (int n = 1; aside.empty() || fs::exists(aside, error); ++n)
    aside = path + ".damaged-" + std::to_string(n);
  fs::rename(path, aside, error);
  if (error) return failure(Errc::io_error, path + ": cannot be renamed: " + error.message());
  // The journal goes along under the name that belongs to it; the shared memory file is rebuilt.
  if (fs::exists(path + "-wal", error)) fs::rename(path + "-wal", aside + "-wal", error);
  if (error) return failure(Errc::io_error, path + "-wal: cannot be renamed: " + error.message());
  fs::remove(path + "-shm", error);
  return aside;
}

}  // namespace signalbox::event_store
