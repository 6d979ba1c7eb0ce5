#include "event-store/sqlite/sqlite_database.hpp"

#include <sqlite3.h>

#include <cstring>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

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

// What the last call on this connection failed with.
Error error_of(sqlite3* database, std::string_view doing) {
  const int code = sqlite3_extended_errcode(database);
  const char* const name = sqlite3_db_filename(database, "main");
  std::string message = std::string(doing) + " " + (name == nullptr ? "a database" : name) + ": " +
                        sqlite3_errmsg(database);
  const int system = sqlite3_system_errno(database);
  const int kind = code & 0xff;
  if ((kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL) && system != 0)
    message += std::string(" (") + std::strerror(system) + ")";
  return {code_of(code), std::move(message)};
}

tl::unexpected<Error> sqlite_failure(sqlite3* database) {
  return tl::unexpected(error_of(database, "cannot use"));
}

// A path as the part of a URI that it is.
std::string immutable_uri(std::string_view path) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    if (c != '?' && c != '#' && c != '%') {
      uri += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    uri.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
  return uri + "?immutable=1";
}

// SQLite would take a lock with every allocation to count what it holds, and nobody asks. Before
// its first use in the process; later it is refused, and harmless.
void stop_counting_memory() {
  static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(done);
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

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, Access access,
                                            const std::string& vfs_name) {
  stop_counting_memory();
  int flags = SQLITE_OPEN_NOMUTEX;
  switch (access) {
    case Access::read_only: flags |= SQLITE_OPEN_READONLY; break;
    case Access::read_write: flags |= SQLITE_OPEN_READWRITE; break;
    case Access::create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE; break;
    case Access::immutable: flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI; break;
  }
  sqlite3* opened = nullptr;
  const std::string name = access == Access::immutable ? immutable_uri(path) : path;
  const int code =
      sqlite3_open_v2(name.c_str(), &opened, flags, vfs_name.empty() ? nullptr : vfs_name.c_str());
  SqliteDatabase database(opened);
  if (code != SQLITE_OK) {
    const int system = opened == nullptr ? 0 : sqlite3_system_errno(opened);
    return failure(code_of(code),
                   "cannot open " + path + ": " + sqlite3_errstr(code) +
                       (system == 0 ? "" : std::string(" (") + std::strerror(system) + ")"));
  }
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, kBusyMilliseconds);
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

int SqliteDatabase::last_code() const { return sqlite3_extended_errcode(database_.get()); }

int SqliteDatabase::system_errno() const { return sqlite3_system_errno(database_.get()); }

Error SqliteDatabase::last_error(std::string_view doing) const {
  return error_of(database_.get(), doing);
}

}  // namespace signalbox::event_store
