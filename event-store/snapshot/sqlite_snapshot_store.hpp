// SqliteSnapshotStore: snapshots in one SQLite file. A row holds the bytes, compressed with zstd,
// and the SHA-256 of key, order, fold_version and stored bytes, checked at every get(). A key is
// also entered in a list of its own, in the transaction that first writes its row, and the list
// counts itself: so a row that is gone is told from one that never was, at the cost of one look-up,
// and a file whose list has lost keys is not used.
//
// Threads: any may call; one thread of its own ("snapshots") compresses and writes, get() reads on
// the caller's. A put waits in memory until its group is committed: one transaction takes all that
// wait, so a snapshot never reaches the disk without those put before it.
// Bound: per key only the newest put waits, in its place if it has the higher order. Beyond
// pending_bytes_max a put is refused (overloaded) and counted; what was taken is never dropped.
// When the disk refuses, writing is tried again every second. A file that is damaged, of another
// format or of another log is moved aside with a warning.
//
// Filled from a topic (TravellingSnapshotStore), it also keeps how far each partition was read, in
// a table of the same file: a place is on disk with all that was put before it was noted, or later.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "event-store/snapshot/snapshot_store.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

struct SnapshotStoreOptions {
  std::size_t pending_bytes_max = 64U << 20;   // of keys and snapshots not on disk yet
  std::size_t snapshot_bytes_max = 16U << 20;  // of one; a longer one in the file is damage
  int compression_level = 1;                   // zstd
  bool keeps_places = false;                   // note_place() is used
  // One sentence for the operator; called on any thread that uses the store.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class SqliteSnapshotStore final : public SnapshotStore {
 public:
  // `path` is the file; its folder exists. Errors: io_error, disk_full, unavailable.
  [[nodiscard]] static Result<std::unique_ptr<SqliteSnapshotStore>> open(
      const std::string& path, const LogId& log, SnapshotStoreOptions options);
  // Writes what waits, then ends.
  ~SqliteSnapshotStore() override;
  SqliteSnapshotStore(const SqliteSnapshotStore&) = delete;
  SqliteSnapshotStore& operator=(const SqliteSnapshotStore&) = delete;

  [[nodiscard]] Result<void> put(std::string_view key, Snapshot snapshot) override;
  [[nodiscard]] Result<std::optional<Snapshot>> get(std::string_view key) override;
  void refuse(std::string_view key) override;
  [[nodiscard]] Result<void> flush() override;

  // What is under the key may be out of date and its successor cannot be read: from here on it is
  // as a row that is gone, until the next put() of whatever order.
  [[nodiscard]] Result<void> lose(std::string_view key);
  struct Kept {
    std::int64_t order;
    int fold_version;
  };
  // nullopt: nothing that get() would give. It is not looked at whether the bytes are whole.
  [[nodiscard]] Result<std::optional<Kept>> find(std::string_view key);
  // Everything before `next` was put. Kept over a restart.
  void note_place(Partition partition, Offset next);
  // As noted by an earlier process.
  [[nodiscard]] const std::map<Partition, Offset>& places_at_open() const {
    return places_at_open_;
  }

  // Bytes of keys and snapshots that are not on disk yet.
  [[nodiscard]] std::size_t pending_bytes() const;
  // Puts that found no place, since the start.
  [[nodiscard]] std::uint64_t puts_refused() const;

 private:
  struct Waiting {
    std::shared_ptr<const Snapshot> snapshot;  // null: lost
    bool replaces_refused;                     // whatever order the row on disk claims to have
  };
  using Rows = std::map<std::string, Waiting, std::less<>>;
  struct Group {
    Rows rows{};
    std::map<Partition, Offset> places{};
    [[nodiscard]] bool empty() const { return rows.empty() && places.empty(); }
  };

  SqliteSnapshotStore(SqliteDatabase writer, SqliteStatement upsert, SqliteDatabase reader,
                      SqliteStatement select, std::map<Partition, Offset> places,
                      SnapshotStoreOptions options);
  [[nodiscard]] static std::size_t waiting_bytes(const Rows::value_type& entry);
  // Under mutex_.
  [[nodiscard]] Result<void> add(std::string_view key, std::shared_ptr<const Snapshot> snapshot,
                                 bool replaces_refused);
  void write_until_stopped();
  [[nodiscard]] Result<void> write(const Group& group);
  [[nodiscard]] Result<void> write_group(const Group& group);
  [[nodiscard]] Result<void> write_row(const std::string& key, const Waiting& waiting);
  void finish_group(const Result<void>& written);
  [[nodiscard]] std::optional<Waiting> find_pending(std::string_view key) const;
  // Reads the row with `read`; Errors as get().
  template <class T, class Read>
  [[nodiscard]] Result<std::optional<T>> read_row(std::string_view key, Read read);
  [[nodiscard]] Result<std::optional<Snapshot>> read_snapshot(std::string_view key);

  const SnapshotStoreOptions options_;
  const std::map<Partition, Offset> places_at_open_;

  // Writer thread only.
  SqliteDatabase writer_;
  SqliteStatement upsert_;

  std::mutex reading_;      // never taken together with mutex_
  SqliteDatabase reader_;   // guarded by reading_
  SqliteStatement select_;  // guarded by reading_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Group waiting_;                  // guarded by mutex_
  Group in_hand_;                  // guarded by mutex_, changed by the writer alone
  std::size_t pending_bytes_ = 0;  // guarded by mutex_: of both
  std::set<std::string, std::less<>> refused_rows_;  // guarded by mutex_: by get() or by a caller
  std::optional<Error> failed_;                      // guarded by mutex_: of the newest try
  std::uint64_t written_ = 0;                        // guarded by mutex_: groups on disk
  std::uint64_t refused_ = 0;       // guarded by mutex_: times the disk refused one
  std::uint64_t puts_refused_ = 0;  // guarded by mutex_
  bool stopping_ = false;           // guarded by mutex_

  std::thread thread_;
};

}  // namespace signalbox::event_store
