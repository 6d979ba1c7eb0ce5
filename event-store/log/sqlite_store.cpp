#include "event-store/log/sqlite_store.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::int32_t kDefaultPartitions = 12;

// What a commit says is durable must not be in a file whose name is not.
Result<void> create_file(const std::string& dir, const std::string& path) {
  if (auto made = make_private_file(path); !made) return made;
  const int folder = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!synced) return failure(Errc::io_error, "cannot sync " + dir + ": " + std::strerror(errno));
  return {};
}

RowToWrite genesis_row(const LogDescription& log, Partition partition, Timestamp now, Uuid id) {
  NewRecord genesis = encode_control(
      {id.to_string(), "/signalbox/" + log.log_id.value().to_string() + "/event-store/embedded",
       now, LogGenesis{log.log_id, log.partitions, "murmur2-java"}});
  auto record = std::make_shared<Record>(Record{{Topic::events, partition},
                                                Offset(0),
                                                now,
                                                std::move(genesis.key),
                                                std::move(genesis.headers),
                                                std::move(genesis.value)});
  return prepare_row(std::move(record));
}

bool is_sync(int code) { return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC; }

int count_wal_pages(void* pages, sqlite3*, const char*, int in_wal) {
  *static_cast<std::size_t*>(pages) = static_cast<std::size_t>(in_wal);
  return SQLITE_OK;
}

}  // namespace

RowToWrite prepare_row(std::shared_ptr<Record> record) {
  const Hash content = content_checksum(record->key, record->headers.bytes(), record->value);
  return {std::move(record), content};
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteEventLogOptions& options,
                                                       const Clock& clock, Random& random) {
  std::unique_ptr<SqliteStore> store(new SqliteStore());
  store->path_ = options.dir + "/log.db";
  store->wal_reserve_bytes_ = options.wal_reserve_bytes;
  if (auto created = create_file(options.dir, store->path_); !created)
    return tl::unexpected(created.error());
  auto database =
      SqliteDatabase::open(store->path_, SqliteDatabase::Access::read_write, options.vfs_name);
  if (!database) return tl::unexpected(database.error());
  store->database_ = std::move(*database);
  const auto exists = check_format(store->database_, store->path_);
  if (!exists) return tl::unexpected(exists.error());
  if (auto ready = store->prepare_connection(); !ready) return tl::unexpected(ready.error());
  if (!*exists) {
    if (HeadWitness::exists(options.dir))
      return failure(Errc::corrupt, store->path_ + " is empty or missing, yet there was a log in " +
                                        options.dir + ": the file head beside it says so");
    if (auto created = store->create(options, clock, random); !created)
      return tl::unexpected(created.error());
  }
  if (auto loaded = store->load(options); !loaded) return tl::unexpected(loaded.error());
  // What an earlier process left in the write-ahead log may be in the page cache only, its sync
  // failed. Written into the file and synced again it is sure, before anything new is acknowledged.
  if (auto moved = store->checkpoint(true, true); !moved)
    return tl::unexpected(moved.error().error);
  return store;
}

Result<void> SqliteStore::prepare_connection() {
  // Of a new file; one that exists keeps its own.
  const std::string page_size = "PRAGMA page_size=" + std::to_string(kPageBytes);
  if (auto set = database_.execute(page_size); !set) return set;
  auto journal = database_.prepare("PRAGMA journal_mode=WAL");
  if (!journal) return tl::unexpected(journal.error());
  if (auto row = journal->step(); !row) return tl::unexpected(row.error());
  if (journal->bytes(0) != "wal")
    return failure(Errc::io_error, path_ + ": its file system cannot hold a write-ahead log");
  journal->reset();
  auto set = database_.execute(
      "PRAGMA synchronous=FULL;"
      "PRAGMA wal_autocheckpoint=0;"
      "PRAGMA journal_size_limit=67108864;"
      "PRAGMA cache_size=-32768;"
      "PRAGMA temp_store=MEMORY;"
      "PRAGMA secure_delete=OFF;"
      "PRAGMA cell_size_check=ON;"
      "PRAGMA trusted_schema=OFF;");
  if (!set) return set;
  sqlite3_wal_hook(database_.get(), count_wal_pages, &wal_pages_);
  return {};
}

Result<void> SqliteStore::create(const SqliteEventLogOptions& options, const Clock& clock,
                                 Random& random) {
  const LogDescription log{LogId(random.uuid()), options.partitions.value_or(kDefaultPartitions)};
  if (log.partitions < 1 || log.partitions >= 1 << 24)
    return failure(Errc::bad_config,
                   "a log has 1 to 16777215 partitions, not " + std::to_string(log.partitions));
  if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  if (auto created = create_schema(database_, log); !created) return created;
  if (auto prepared = prepare_statements(); !prepared) return prepared;
  std::vector<RowToWrite> rows;
  for (std::int32_t p = 0; p < log.partitions; ++p)
    rows.push_back(genesis_row(log, Partition(p), clock.now(), random.uuid()));
  std::vector<const RowToWrite*> group;
  Counters next{{kRowsCounter, 0}};
  for (const RowToWrite& row : rows) {
    next.emplace(place_number(row.record->at), 0);
    group.push_back(&row);
  }
  auto done = write_rows(group, clock.now(), next);
  if (done) done = commit_.run();
  return done;
}

Result<void> SqliteStore::prepare_statements() {
  const std::array<std::pair<SqliteStatement*, const char*>, 7> all{{
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&insert_,
       "INSERT INTO records(id, place, \"offset\", appended_at, key, headers, value, sha256)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      {&count_, "UPDATE counters SET next = ?2 WHERE place = ?1"},
      {&oldest_,
       "SELECT \"offset\", appended_at FROM records WHERE place = ?1 ORDER BY \"offset\" LIMIT ?2"},
      {&delete_, "DELETE FROM records WHERE place = ?1 AND \"offset\" < ?2"},
  }};
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> SqliteStore::load(const SqliteEventLogOptions& options) {
  auto reader = SqliteRowReader::open(path_, options.vfs_name);
  if (!reader) return tl::unexpected(reader.error());
  auto stored = load_stored_log(*reader, path_);
  if (!stored) return tl::unexpected(stored.error());
  stored_ = std::move(*stored);
  const std::int32_t partitions = stored_.description.partitions;
  if (options.partitions && *options.partitions != partitions)
    return failure(Errc::bad_config,
                   "the log in " + options.dir + " has " + std::to_string(partitions) +
                       " partitions, fixed for life; " + std::to_string(*options.partitions) +
                       " were asked for. Start with " + std::to_string(partitions) +
                       " or without a number");
  next_[kRowsCounter] = stored_.rows;
  for (const LogTails::Start& start : stored_.starts)
    next_[place_number(start.at)] = start.bounds.end.value();
  auto head = HeadWitness::open(options.dir, stored_.description.log_id,
                                static_cast<std::uint64_t>(stored_.rows));
  if (!head) return tl::unexpected(head.error());
  head_ = std::move(*head);
  return prepare_statements();
}

WriteResult SqliteStore::write(std::span<const RowToWrite* const> group, Timestamp now) {
  Counters next{{kRowsCounter, next_.at(kRowsCounter)}};
  for (const RowToWrite* const row : group) {
    const std::int64_t place = place_number(row->record->at);
    next.try_emplace(place, next_.at(place));
  }
  auto done = begin_.run();
  if (done) done = write_rows(group, now, next);
  if (done) done = commit_.run();
  if (!done) return tl::unexpected(give_up(database_.last_code(), "cannot append to"));
  for (const auto& [place, offset] : next) next_[place] = offset;
  head_->set(static_cast<std::uint64_t>(next_.at(kRowsCounter)));
  return {};
}

Result<void> SqliteStore::write_rows(std::span<const RowToWrite* const> group, Timestamp now,
                                     Counters& next) {
  std::int64_t& rows = next.at(kRowsCounter);
  for (const RowToWrite* const row : group) {
    row->record->offset = Offset(next.at(place_number(row->record->at))++);
    row->record->appended_at = now;
    if (auto done = insert(*row, ++rows); !done) return done;
  }
  for (const auto& [place, offset] : next) {
    count_.bind(1, place);
    count_.bind(2, offset);
    if (auto done = count_.run(); !done) return done;
  }
  return {};
}

Result<void> SqliteStore::insert(const RowToWrite& row, std::int64_t id) {
  const Record& record = *row.record;
  const Hash checksum = row_checksum(record.at, record.offset, record.appended_at, row.content);
  insert_.bind(1, id);
  insert_.bind(2, place_number(record.at));
  insert_.bind(3, record.offset.value());
  insert_.bind(4, record.appended_at.time_since_epoch().count());
  if (record.key)
    insert_.bind_blob(5, *record.key);
  else
    insert_.bind_null(5);
  insert_.bind_blob(6, record.headers.bytes());
  insert_.bind_blob(7, record.value);
  insert_.bind_blob(8, {reinterpret_cast<const char*>(checksum.data()), checksum.size()});
  return insert_.run();
}

WriteFailure SqliteStore::give_up(int code, std::string_view doing) {
  Error error = database_.last_error(doing);
  const int system = database_.system_errno();
  const bool no_space = system == ENOSPC || system == EDQUOT;
  if (sqlite3_get_autocommit(database_.get()) == 0)
    if (const auto rolled_back = rollback_.run(); !rolled_back) {
      error = database_.last_error("cannot roll back in");
      error.code = Errc::log_unavailable;
      return {WriteFailure::Kind::failed, std::move(error)};
    }
  const int kind = code & 0xff;
  if (kind == SQLITE_FULL || (kind == SQLITE_IOERR && no_space && !is_sync(code))) {
    error.code = Errc::disk_full;
    return {WriteFailure::Kind::refused, std::move(error)};
  }
  error.code = Errc::log_unavailable;
  // Busy: another process, a tool, holds the file; nothing was written.
  return {kind == SQLITE_BUSY ? WriteFailure::Kind::refused : WriteFailure::Kind::failed,
          std::move(error)};
}

tl::expected<Offset, WriteFailure> SqliteStore::expire(const TopicPartition& at, Offset first,
                                                       Offset floor, Timestamp cutoff,
                                                       int rows_max) {
  const std::int64_t place = place_number(at);
  oldest_.bind(1, place);
  oldest_.bind(2, rows_max);
  Offset keep = first;
  Result<bool> row = false;
  while ((row = oldest_.step()) && *row) {
    const Timestamp appended_at{std::chrono::microseconds(oldest_.number(1))};
    if (Offset(oldest_.number(0)) >= floor || appended_at >= cutoff) break;
    keep = Offset(oldest_.number(0) + 1);
  }
  oldest_.reset();
  if (!row) return tl::unexpected(give_up(database_.last_code(), "cannot look for old records in"));
  if (keep == first) return first;
  auto done = begin_.run();
  if (done) {
    delete_.bind(1, place);
    delete_.bind(2, keep.value());
    done = delete_.run();
  }
  if (done) done = commit_.run();
  if (!done) return tl::unexpected(give_up(database_.last_code(), "cannot delete old records in"));
  return keep;
}

WriteResult SqliteStore::checkpoint(bool shrink, bool patient) {
  int in_wal = 0;
  int moved = 0;
  // What is appended meanwhile waits as long.
  if (!patient) sqlite3_busy_timeout(database_.get(), 0);
  const int code = sqlite3_wal_checkpoint_v2(
      database_.get(), nullptr, shrink ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
      &in_wal, &moved);
  if (!patient) sqlite3_busy_timeout(database_.get(), SqliteDatabase::kBusyMilliseconds);
  // Busy: a reader holds an older part; the rest is moved another time.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
    return tl::unexpected(give_up(code, "cannot move the write-ahead log into"));
  if (code == SQLITE_OK && in_wal == moved) wal_pages_ = 0;
  if (shrink && code == SQLITE_OK) reserve_wal();
  return {};
}

void SqliteStore::reserve_wal() {
  // SQLite holds no lock on this file that closing a descriptor could drop, and what follows the
  // last valid frame means nothing to it.
  const std::string path = path_ + "-wal";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::size_t present = wal_file_bytes();
  const std::string zeros(64U << 10, '\0');
  bool good = true;
  for (std::size_t at = present; good && at < wal_reserve_bytes_; at += zeros.size())
    good = pwrite(file, zeros.data(), zeros.size(), static_cast<off_t>(at)) ==
           static_cast<ssize_t>(zeros.size());
  // A disk too full for it has better uses for the rest.
  if (!good) good = ftruncate(file, static_cast<off_t>(present)) == 0;
  if (good) fdatasync(file);
  ::close(file);
}

std::size_t SqliteStore::wal_file_bytes() const {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path_ + "-wal", ignored);
  return ignored ? 0 : static_cast<std::size_t>(size);
}

}  // namespace signalbox::event_store
