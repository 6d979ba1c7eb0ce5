#include "event-store/sqlite/rebuildable_file.hpp"

#include <filesystem>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <system_error>

#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {

namespace {

// Who opens a file to read finds its shared memory by name. While the file is replaced, a name may
// lead from the old file to the new one's memory, and who comes by the old file takes himself for
// the first there and cuts it off under the writer, who ends by SIGBUS: SQLite keeps processes
// apart (by POSIX locks), but not the connections of one.
std::shared_mutex& replacing() {
  static std::shared_mutex mutex;
  return mutex;
}

std::string_view bytes_of(const LogId& log) {
  const auto& bytes = log.value().bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> create(SqliteDatabase& database, const FileFormat& format, const LogId& log) {
  auto done = database.execute("BEGIN IMMEDIATE; CREATE TABLE owner(log_id BLOB NOT NULL) STRICT;" +
                               std::string(format.schema) +
                               "; PRAGMA application_id=" + std::to_string(format.application_id) +
                               "; PRAGMA user_version=" + std::to_string(format.version));
  if (!done) return done;
  auto insert = database.prepare("INSERT INTO owner VALUES(?1)");
  if (!insert) return tl::unexpected<Error>(insert.error());
  insert->bind_blob(1, bytes_of(log));
  if (done = insert->run(); !done) return done;
  return database.execute("COMMIT");
}

// Why this file is not one of ours, in the words after "is"; nullopt where it is.
Result<std::optional<std::string>> what_is_wrong(SqliteDatabase& database, const FileFormat& format,
                                                 const LogId& log) {
  const auto id = database.query_number("PRAGMA application_id");
  if (!id) return tl::unexpected<Error>(id.error());
  const auto version = database.query_number("PRAGMA user_version");
  if (!version) return tl::unexpected<Error>(version.error());
  if (*id != format.application_id) return {"a file of another kind"};
  if (*version != format.version)
    return {"of format " + std::to_string(*version) + ", this build writes " +
            std::to_string(format.version)};
  auto owner = database.prepare("SELECT log_id FROM owner");
  if (!owner) return tl::unexpected<Error>(owner.error());
  const auto row = owner->step();
  if (!row) return tl::unexpected<Error>(row.error());
  if (!*row || owner->bytes(0) != bytes_of(log)) return {"of another log"};
  return {std::nullopt};
}

constexpr std::uintmax_t kFirstPage = 4096;  // bytes; the file has no more before its first commit

struct Opened {
  std::optional<SqliteDatabase> usable;
  std::string wrong;  // why there is none
};

// WAL without a sync at each commit: what is lost is made again. The journal shrinks again after a
// burst (64 MiB).
constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864;";

Result<Opened> try_open(const std::string& path, const FileFormat& format, const LogId& log) {
  if (auto made = make_private_file(path); !made) return tl::unexpected<Error>(made.error());
  auto database = SqliteDatabase::open(path, SqliteDatabase::Access::read_write);
  if (!database) return tl::unexpected<Error>(database.error());
  if (auto set = database->execute(kPragmas); !set) return tl::unexpected<Error>(set.error());
  const auto tables = database->query_number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected<Error>(tables.error());
  if (*tables == 0) {
    if (auto created = create(*database, format, log); !created)
      return tl::unexpected<Error>(created.error());
    return Opened{std::move(*database), {}};
  }
  auto wrong = what_is_wrong(*database, format, log);
  if (!wrong) return tl::unexpected<Error>(wrong.error());
  if (*wrong) return Opened{std::nullopt, std::move(**wrong)};
  return Opened{std::move(*database), {}};
}

// Renames the file, with its journal, to `<path>.damaged-<n>` (the first n from 1 on that is free)
// and returns the new name. No connection has it open any more.
Result<std::string> move_aside(const std::string& path) {
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

Result<SqliteDatabase> try_read(const std::string& path, const FileFormat& format, const LogId& log,
                                SqliteDatabase::Access access) {
  auto database = open_beside_writer(path, access);
  if (!database) return database;
  // Whoever made it ended before its first commit: that is no damage.
  const auto content = database->query_number(
      "SELECT (SELECT application_id FROM pragma_application_id) + count(*) FROM sqlite_schema");
  if (!content) return tl::unexpected<Error>(content.error());
  if (*content == 0) return failure(Errc::not_found, path + " has nothing in it yet");
  const auto wrong = what_is_wrong(*database, format, log);
  if (!wrong) return tl::unexpected<Error>(wrong.error());
  if (*wrong) return failure(Errc::corrupt, path + " is " + **wrong);
  return database;
}

}  // namespace

Result<SqliteDatabase> open_rebuildable(const std::string& path, const FileFormat& format,
                                        const LogId& log,
                                        const std::function<void(const std::string&)>& warn) {
  auto opened = try_open(path, format, log);
  if (opened && opened->usable) return std::move(*opened->usable);
  if (!opened && opened.error().code != Errc::corrupt)
    return tl::unexpected<Error>(std::move(opened).error());
  const std::string why =
      opened ? path + " is " + opened->wrong : "damaged: " + opened.error().message;
  return make_anew(path, format, log, why, warn);
}

Result<SqliteDatabase> make_anew(const std::string& path, const FileFormat& format,
                                 const LogId& log, const std::string& why,
                                 const std::function<void(const std::string&)>& warn) {
  const std::unique_lock alone(replacing());
  auto aside = move_aside(path);
  if (!aside) return tl::unexpected<Error>(aside.error());
  warn(why + "; moved to " + *aside + ", a new one is made from the log");
  auto opened = try_open(path, format, log);
  if (!opened) return tl::unexpected<Error>(opened.error());
  if (!opened->usable) return failure(Errc::io_error, path + ": " + opened->wrong);
  return std::move(*opened->usable);
}

Result<SqliteDatabase> open_rebuildable_to_read(const std::string& path, const FileFormat& format,
                                                const LogId& log) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return failure(Errc::not_found, path + " is missing");
  auto file = try_read(path, format, log, SqliteDatabase::Access::read_only);
  // SQLite's first journal, before the write-ahead log takes over: nothing was committed so far.
  if (!file && std::filesystem::exists(path + "-journal", ignored) &&
      std::filesystem::file_size(path, ignored) <= kFirstPage)
    return failure(Errc::not_found, path + " has nothing in it yet");
  if (file || file.error().code != Errc::io_error ||
      std::filesystem::exists(path + "-wal", ignored))
    return file;
  return try_read(path, format, log, SqliteDatabase::Access::immutable);
}

Result<SqliteDatabase> open_beside_writer(const std::string& path, SqliteDatabase::Access access) {
  const std::shared_lock beside(replacing());
  auto database = SqliteDatabase::open(path, access);
  if (!database) return database;
  // The first read maps the shared memory.
  const auto read = database->query_number("SELECT count(*) FROM sqlite_schema");
  if (!read) return tl::unexpected<Error>(read.error());
  return database;
}

}  // namespace signalbox::event_store
