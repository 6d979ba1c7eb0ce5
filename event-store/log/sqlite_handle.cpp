#include "event-store/log/sqlite_handle.hpp"

#include <cerrno>
#include <cstring>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {

void LogStatement::bind(int parameter, std::int64_t number) {
  SIGNALBOX_ASSERT(sqlite3_bind_int64(statement_.get(), parameter, number) == SQLITE_OK);
}

void LogStatement::bind_blob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, which is not the same as no bytes.
  const char* const data = bytes.data() == nullptr ? "" : bytes.data();
  SIGNALBOX_ASSERT(sqlite3_bind_blob64(statement_.get(), parameter, data, bytes.size(),
                                       SQLITE_STATIC) == SQLITE_OK);
}

void LogStatement::bind_null(int parameter) {
  SIGNALBOX_ASSERT(sqlite3_bind_null(statement_.get(), parameter) == SQLITE_OK);
}

int LogStatement::step() { return sqlite3_step(statement_.get()); }

int LogStatement::run() {
  const int code = step();
  reset();
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

void LogStatement::reset() {
  // It repeats the code of a failed step, which the caller of step() has seen already.
  sqlite3_reset(statement_.get());
}

std::int64_t LogStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view LogStatement::bytes(int column) const {
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

bool LogStatement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

Result<LogDatabase> LogDatabase::open(const std::string& path, int flags,
                                      const std::string& vfs_name) {
  LogDatabase opened;
  opened.path_ = path;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX,
                                   vfs_name.empty() ? nullptr : vfs_name.c_str());
  opened.database_.reset(handle);
  if (code != SQLITE_OK) return tl::unexpected(opened.error(code, "cannot open"));
  sqlite3_extended_result_codes(handle, 1);
  // Only tools that open the file at the same moment can make anybody wait.
  sqlite3_busy_timeout(handle, 5000);
  return opened;
}

int LogDatabase::execute(const char* sql) {
  return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
}

Result<LogStatement> LogDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, "cannot use"));
  LogStatement made;
  made.statement_.reset(handle);
  return made;
}

Result<std::int64_t> LogDatabase::query_number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int code = statement->step();
  if (code != SQLITE_ROW) return tl::unexpected(error(code, "cannot read"));
  return statement->number(0);
}

Error LogDatabase::error(int code, std::string_view doing) const {
  Errc errc = Errc::io_error;
  switch (code & 0xff) {
    case SQLITE_FULL: errc = Errc::disk_full; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: errc = Errc::corrupt; break;
    case SQLITE_BUSY: errc = Errc::unavailable; break;
    default: break;
  }
  std::string message = std::string(doing) + " " + path_ + ": " +
                        (database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code));
  const int system = database_ ? system_errno() : 0;
  const int kind = code & 0xff;
  if ((kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN || kind == SQLITE_FULL) && system != 0)
    message += std::string(" (") + std::strerror(system) + ")";
  return {errc, std::move(message)};
}

}  // namespace signalbox::event_store
