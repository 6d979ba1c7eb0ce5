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

}  // namespace

Result<std::unique_ptr<SqliteSnapshotStore>> SqliteSnapshotStore::open(
    const std::string& path, const LogId& log, SnapshotStoreOptions options) {
  auto writer = open_whole(path, log, options);
  if (!writer) return tl::unexpected<Error>(writer.error());
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
                              std::move(*select), std::move(options)));
}

SqliteSnapshotStore::SqliteSnapshotStore(SqliteDatabase writer, SqliteStatement upsert,
                                         SqliteDatabase reader, SqliteStatement select,
                                         SnapshotStoreOptions options)
    : options_(std::move(options)),
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

std::shared_ptr<const Snapshot> SqliteSnapshotStore::find_pending(std::string_view key) const {
  if (const auto found = waiting_.find(key); found != waiting_.end()) return found->second.snapshot;
  if (const auto found = in_hand_.find(key); found != in_hand_.end()) return found->second.snapshot;
  return nullptr;
}

Result<void> SqliteSnapshotStore::put(std::string_view key, Snapshot snapshot) {
  if (snapshot.bytes.size() > options_.snapshot_bytes_max)
    return failure(Errc::too_large,
                   "a snapshot of " + std::to_string(snapshot.bytes.size()) + " bytes");
  {
    const std::lock_guard lock(mutex_);
    const bool is_refused = refused_rows_.contains(key);
    if (const auto pending = find_pending(key);
        pending && pending->order > snapshot.order && !is_refused)
      return {};
    const auto replaced = waiting_.find(key);
    const std::size_t others =
        pending_bytes_ - (replaced == waiting_.end() ? 0 : waiting_bytes(*replaced));
    const std::size_t bytes = key.size() + snapshot.bytes.size();
    if (others + bytes > options_.pending_bytes_max) {
      ++puts_refused_;
      return failure(Errc::overloaded,
                     std::to_string(pending_bytes_) +
                         " bytes of snapshots wait for the disk; no more is taken");
    }
    pending_bytes_ = others + bytes;
    waiting_.insert_or_assign(
        std::string(key),
        Waiting{std::make_shared<const Snapshot>(std::move(snapshot)), is_refused});
  }
  changed_.notify_all();
  return {};
}

Result<std::optional<Snapshot>> SqliteSnapshotStore::get(std::string_view key) {
  std::shared_ptr<const Snapshot> pending;
  {
    const std::lock_guard lock(mutex_);
    pending = find_pending(key);
  }
  // What is not pending any more was committed before it was taken off the list.
  auto row = read_row(key);
  if (!row && row.error().code == Errc::corrupt) refuse(key);
  if (!pending) return row;
  const std::lock_guard lock(mutex_);
  if (row && *row && (*row)->order > pending->order && !refused_rows_.contains(key)) return row;
  return std::optional<Snapshot>(*pending);
}

void SqliteSnapshotStore::refuse(std::string_view key) {
  const std::lock_guard lock(mutex_);
  refused_rows_.emplace(key);
}

Result<std::optional<Snapshot>> SqliteSnapshotStore::read_row(std::string_view key) {
  const std::lock_guard lock(reading_);
  select_.bind_text(1, key);
  Result<std::optional<Snapshot>> result = std::optional<Snapshot>();
  while (true) {
    const auto row = select_.step();
    if (!row) result = tl::unexpected<Error>(row.error());
    if (!row || !*row) break;
    if (select_.number(0) == 1) {
      result = snapshot_of(
          {key, select_.number(1), select_.number(2), select_.bytes(3), select_.bytes(4)},
          options_.snapshot_bytes_max);
      break;
    }
    result = failure(Errc::corrupt, "its row is gone");
  }
  select_.reset();
  return result;
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

std::size_t SqliteSnapshotStore::waiting_bytes(const Group::value_type& entry) {
  return entry.first.size() + entry.second.snapshot->bytes.size();
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
    for (const auto& done : in_hand_) {
      pending_bytes_ -= waiting_bytes(done);
      if (done.second.replaces_refused) refused_rows_.erase(done.first);
    }
    in_hand_.clear();
    return;
  }
  if (!failed_) options_.warn("snapshots cannot be written: " + written.error().message);
  failed_ = written.error();
  ++refused_;
  // Back to those that wait; a newer one of the same key has taken the place.
  for (const auto& unwritten : std::exchange(in_hand_, {}))
    if (!waiting_.insert(unwritten).second) pending_bytes_ -= waiting_bytes(unwritten);
}

Result<void> SqliteSnapshotStore::write(const Group& group) {
  if (auto begun = writer_.execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto written = write_rows(group);
  if (written) written = writer_.execute("COMMIT");
  if (written) return written;
  // A failed COMMIT may have rolled back already, then this says so and nothing is lost by it.
  const Result<void> rolled_back = writer_.execute("ROLLBACK");
  static_cast<void>(rolled_back);
  return written;
}

Result<void> SqliteSnapshotStore::write_rows(const Group& group) {
  for (const auto& [key, waiting] : group) {
    const Snapshot& snapshot = *waiting.snapshot;
    const std::string stored = compress(snapshot.bytes, options_.compression_level);
    const Hash hash = hash_of({key, snapshot.order, snapshot.fold_version, stored, {}});
    upsert_.bind_text(1, key);
    upsert_.bind(2, snapshot.order);
    upsert_.bind(3, snapshot.fold_version);
    upsert_.bind_blob(4, stored);
    upsert_.bind_blob(5, as_text(hash));
    upsert_.bind(6, waiting.replaces_refused ? 1 : 0);
    if (auto done = upsert_.run(); !done) return done;
  }
  return {};
}

}  // namespace signalbox::event_store
