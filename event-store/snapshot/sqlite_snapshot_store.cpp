#include "event-store/snapshot/sqlite_snapshot_store.hpp"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "event-store/snapshot/snapshot_row.hpp"

namespace signalbox::event_store {

namespace {

constexpr std::chrono::seconds kRetryAfter(1);

// A row, and whether there should be one.
constexpr const char* kSelect =
    "SELECT 1, ordinal, fold_version, bytes, hash FROM snapshots WHERE key=?1"
    " UNION ALL SELECT 0, 0, 0, x'', x'' FROM known WHERE key=?1";

std::string_view as_text(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// Looks once through the known keys, at the start: a list that has lost some can tell nobody new
// from somebody lost, so such a file is no use.
Result<SqliteDatabase> open_whole(const std::string& path, const LogId& log,
                                  const SnapshotStoreOptions& options) {
  auto writer = open_rebuildable(path, snapshot_format(), log, options.warn);
  if (!writer) return writer;
  const auto lost =
      writer->query_number("SELECT keys - (SELECT count(*) FROM known) FROM known_count");
  if (lost && *lost == 0) return writer;
  if (!lost && lost.error().code != Errc::corrupt) return tl::unexpected<Error>(lost.error());
  const std::string why =
      lost ? path + ": its list of keys has lost " + std::to_string(*lost) : lost.error().message;
  writer = failure(Errc::corrupt, why);  // closes it
  return make_anew(path, snapshot_format(), log, why, options.warn);
}

constexpr const char* kMakePlaces =
    "CREATE TABLE IF NOT EXISTS places(partition INTEGER PRIMARY KEY,"
    " next_offset INTEGER NOT NULL) STRICT";

Result<std::map<Partition, Offset>> load_places(SqliteDatabase& file) {
  if (auto made = file.execute(kMakePlaces); !made) return tl::unexpected<Error>(made.error());
  auto all = file.prepare("SELECT partition, next_offset FROM places");
  if (!all) return tl::unexpected<Error>(all.error());
  std::map<Partition, Offset> places;
  Result<bool> row = false;
  while ((row = all->step()) && *row)
    places.emplace(Partition(static_cast<std::int32_t>(all->number(0))), Offset(all->number(1)));
  if (!row) return tl::unexpected<Error>(row.error());
  return places;
}

}  // namespace

Result<std::unique_ptr<SqliteSnapshotStore>> SqliteSnapshotStore::open(
    const std::string& path, const LogId& log, SnapshotStoreOptions options) {
  auto writer = open_whole(path, log, options);
  if (!writer) return tl::unexpected<Error>(writer.error());
  Result<std::map<Partition, Offset>> places{};
  if (options.keeps_places) places = load_places(*writer);
  if (!places) return tl::unexpected<Error>(places.error());
  auto upsert = writer->prepare(
      "INSERT INTO snapshots VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO UPDATE SET"
      " ordinal=excluded.ordinal, fold_version=excluded.fold_version, bytes=excluded.bytes,"
      " hash=excluded.hash WHERE excluded.ordinal >= ordinal OR ?6");
  if (!upsert) return tl::unexpected<Error>(upsert.error());
  auto reader = SqliteDatabase::open(path, SqliteDatabase::Access::read_only);
  if (!reader) return tl::unexpected<Error>(reader.error());
  auto select = reader->prepare(kSelect);
  if (!select) return tl::unexpected<Error>(select.error());
  return std::unique_ptr<SqliteSnapshotStore>(
      new SqliteSnapshotStore(std::move(*writer), std::move(*upsert), std::move(*reader),
                              std::move(*select), std::move(*places), std::move(options)));
}

SqliteSnapshotStore::SqliteSnapshotStore(SqliteDatabase writer, SqliteStatement upsert,
                                         SqliteDatabase reader, SqliteStatement select,
                                         std::map<Partition, Offset> places,
                                         SnapshotStoreOptions options)
    : options_(std::move(options)),
      places_at_open_(std::move(places)),
      writer_(std::move(writer)),
      upsert_(std::move(upsert)),
      reader_(std::move(reader)),
      select_(std::move(select)),
      thread_([this] { write_until_stopped(); }) {}

SqliteSnapshotStore::~SqliteSnapshotStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::optional<SqliteSnapshotStore::Waiting> SqliteSnapshotStore::find_pending(
    std::string_view key) const {
  for (const Group* group : {&waiting_, &in_hand_})
    if (const auto found = group->rows.find(key); found != group->rows.end()) return found->second;
  return std::nullopt;
}

Result<void> SqliteSnapshotStore::put(std::string_view key, Snapshot snapshot) {
  if (snapshot.bytes.size() > options_.snapshot_bytes_max)
    return failure(Errc::too_large,
                   "a snapshot of " + std::to_string(snapshot.bytes.size()) + " bytes");
  {
    const std::lock_guard lock(mutex_);
    const bool is_refused = refused_rows_.contains(key);
    const auto pending = find_pending(key);
    const bool is_lost = pending && !pending->snapshot;
    if (pending && !is_lost && pending->snapshot->order > snapshot.order && !is_refused) return {};
    auto added = add(key, std::make_shared<const Snapshot>(std::move(snapshot)),
                     is_refused || is_lost || (pending && pending->replaces_refused));
    if (!added) return added;
  }
  changed_.notify_all();
  return {};
}

Result<void> SqliteSnapshotStore::lose(std::string_view key) {
  {
    const std::lock_guard lock(mutex_);
    if (auto added = add(key, nullptr, true); !added) return added;
  }
  changed_.notify_all();
  return {};
}

Result<void> SqliteSnapshotStore::add(std::string_view key,
                                      std::shared_ptr<const Snapshot> snapshot,
                                      bool replaces_refused) {
  const auto replaced = waiting_.rows.find(key);
  const std::size_t others =
      pending_bytes_ - (replaced == waiting_.rows.end() ? 0 : waiting_bytes(*replaced));
  const std::size_t bytes = key.size() + (snapshot ? snapshot->bytes.size() : 0);
  if (others + bytes > options_.pending_bytes_max) {
    ++puts_refused_;
    return failure(Errc::overloaded, std::to_string(pending_bytes_) +
                                         " bytes of snapshots wait for the disk; no more is taken");
  }
  pending_bytes_ = others + bytes;
  waiting_.rows.insert_or_assign(std::string(key), Waiting{std::move(snapshot), replaces_refused});
  return {};
}

void SqliteSnapshotStore::note_place(Partition partition, Offset next) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.places.insert_or_assign(partition, next);
  }
  changed_.notify_all();
}

Result<std::optional<Snapshot>> SqliteSnapshotStore::get(std::string_view key) {
  std::optional<Waiting> pending;
  {
    const std::lock_guard lock(mutex_);
    pending = find_pending(key);
  }
  // What is not pending any more was committed before it was taken off the list.
  auto row = read_snapshot(key);
  if (!row && row.error().code == Errc::corrupt) refuse(key);
  if (!pending) return row;
  if (!pending->snapshot) return failure(Errc::corrupt, "a newer one cannot be read");
  const std::lock_guard lock(mutex_);
  if (row && *row && (*row)->order > pending->snapshot->order && !pending->replaces_refused &&
      !refused_rows_.contains(key))
    return row;
  return std::optional<Snapshot>(*pending->snapshot);
}

Result<std::optional<SqliteSnapshotStore::Kept>> SqliteSnapshotStore::find(std::string_view key) {
  std::optional<Waiting> pending;
  bool is_refused = false;
  {
    const std::lock_guard lock(mutex_);
    pending = find_pending(key);
    is_refused = refused_rows_.contains(key);
  }
  if (pending && !pending->snapshot) return std::optional<Kept>();
  auto row = is_refused || (pending && pending->replaces_refused)
                 ? Result<std::optional<Kept>>(std::optional<Kept>())
                 : read_row<Kept>(key, [this] {
                     return Kept{select_.number(1), static_cast<int>(select_.number(2))};
                   });
  if (!row && row.error().code == Errc::corrupt) row = std::optional<Kept>();
  if (pending && row && (!*row || (*row)->order <= pending->snapshot->order))
    return std::optional(Kept{pending->snapshot->order, pending->snapshot->fold_version});
  return row;
}

void SqliteSnapshotStore::refuse(std::string_view key) {
  const std::lock_guard lock(mutex_);
  refused_rows_.emplace(key);
}

template <class T, class Read>
Result<std::optional<T>> SqliteSnapshotStore::read_row(std::string_view key, Read read) {
  const std::lock_guard lock(reading_);
  select_.bind_text(1, key);
  Result<std::optional<T>> result = std::optional<T>();
  while (true) {
    const auto row = select_.step();
    if (!row) result = tl::unexpected<Error>(row.error());
    if (!row || !*row) break;
    if (select_.number(0) == 1) {
      result = Result<T>(read()).map([](T value) { return std::optional<T>(std::move(value)); });
      break;
    }
    result = failure(Errc::corrupt, "its row is gone");
  }
  select_.reset();
  return result;
}

Result<std::optional<Snapshot>> SqliteSnapshotStore::read_snapshot(std::string_view key) {
  return read_row<Snapshot>(key, [&] {
    return snapshot_of(
        {key, select_.number(1), select_.number(2), select_.bytes(3), select_.bytes(4)},
        options_.snapshot_bytes_max);
  });
}

Result<void> SqliteSnapshotStore::flush() {
  std::unique_lock lock(mutex_);
  // Everything put so far is in at most two groups: the one in hand and the next.
  const std::uint64_t groups = (in_hand_.empty() ? 0U : 1U) + (waiting_.empty() ? 0U : 1U);
  const std::uint64_t last = written_ + groups;
  const std::uint64_t refused_before = refused_;
  changed_.wait(lock, [&] { return written_ >= last || refused_ > refused_before; });
  if (written_ < last) return tl::unexpected<Error>(*failed_);
  return {};
}

std::size_t SqliteSnapshotStore::pending_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_bytes_;
}

std::uint64_t SqliteSnapshotStore::puts_refused() const {
  const std::lock_guard lock(mutex_);
  return puts_refused_;
}

std::size_t SqliteSnapshotStore::waiting_bytes(const Rows::value_type& entry) {
  return entry.first.size() + (entry.second.snapshot ? entry.second.snapshot->bytes.size() : 0);
}

void SqliteSnapshotStore::write_until_stopped() {
  pthread_setname_np(pthread_self(), "snapshots");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;  // stopping
    in_hand_ = std::exchange(waiting_, {});
    const Group group = in_hand_;
    lock.unlock();
    const Result<void> written = write(group);
    lock.lock();
    finish_group(written);
    changed_.notify_all();
    if (written) continue;
    if (stopping_) return;
    changed_.wait_for(lock, kRetryAfter, [&] { return stopping_; });
  }
}

void SqliteSnapshotStore::finish_group(const Result<void>& written) {
  if (written) {
    ++written_;
    failed_.reset();
    for (const auto& done : in_hand_.rows) {
      pending_bytes_ -= waiting_bytes(done);
      if (done.second.replaces_refused) refused_rows_.erase(done.first);
    }
    in_hand_ = {};
    return;
  }
  if (!failed_) options_.warn("snapshots cannot be written: " + written.error().message);
  failed_ = written.error();
  ++refused_;
  // Back to those that wait; a newer one of the same key has taken the place.
  Group unwritten = std::exchange(in_hand_, {});
  for (const auto& row : unwritten.rows)
    if (!waiting_.rows.insert(row).second) pending_bytes_ -= waiting_bytes(row);
  waiting_.places.merge(unwritten.places);
}

Result<void> SqliteSnapshotStore::write(const Group& group) {
  if (auto begun = writer_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto written = write_group(group);
  if (written) written = writer_.execute("COMMIT");
  if (written) return written;
  // A failed COMMIT may have rolled back already, then this says so and nothing is lost by it.
  const Result<void> rolled_back = writer_.execute("ROLLBACK");
  static_cast<void>(rolled_back);
  return written;
}

Result<void> SqliteSnapshotStore::write_group(const Group& group) {
  for (const auto& [key, waiting] : group.rows)
    if (auto done = write_row(key, waiting); !done) return done;
  for (const auto& [partition, next] : group.places) {
    auto note = writer_.prepare(
        "INSERT INTO places VALUES(?1, ?2) ON CONFLICT(partition) DO UPDATE SET"
        " next_offset=excluded.next_offset");
    if (!note) return tl::unexpected<Error>(note.error());
    note->bind(1, partition.value());
    note->bind(2, next.value());
    if (auto done = note->run(); !done) return done;
  }
  return {};
}

Result<void> SqliteSnapshotStore::write_row(const std::string& key, const Waiting& waiting) {
  if (!waiting.snapshot) {
    for (const char* const sql : {"DELETE FROM snapshots WHERE key=?1",
                                  "INSERT INTO known SELECT ?1 WHERE NOT EXISTS("
                                  "SELECT 1 FROM known WHERE key=?1)"}) {
      auto statement = writer_.prepare(sql);
      if (!statement) return tl::unexpected<Error>(statement.error());
      statement->bind_text(1, key);
      if (auto done = statement->run(); !done) return done;
    }
    return {};
  }
  const Snapshot& snapshot = *waiting.snapshot;
  const std::string stored = compress(snapshot.bytes, options_.compression_level);
  const Hash hash = hash_of({key, snapshot.order, snapshot.fold_version, stored, {}});
  upsert_.bind_text(1, key);
  upsert_.bind(2, snapshot.order);
  upsert_.bind(3, snapshot.fold_version);
  upsert_.bind_blob(4, stored);
  upsert_.bind_blob(5, as_text(hash));
  upsert_.bind(6, waiting.replaces_refused ? 1 : 0);
  return upsert_.run();
}

}  // namespace signalbox::event_store
