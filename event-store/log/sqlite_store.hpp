// SqliteStore: the one connection that writes the log file and checkpoints it, and what it needs to
// start: schema, counters, genesis. One file <dir>/log.db, WAL, synchronous=FULL:
//
//   records   id: number of the row in this log, never reused | place, offset: unique together |
//             appended_at, key, headers, value, sha256: sqlite_rows.hpp
//   counters  place -> next offset; place -1 -> rows ever written. They never go down, whatever
//             rows are left.
//   meta      log_id (16 bytes), partitions
// The schema is in stored_log.
//
// Thread: opened by one, then used by the writer thread alone. Private to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/head_witness.hpp"
#include "event-store/log/sqlite_log_options.hpp"
#include "event-store/log/sqlite_rows.hpp"
#include "event-store/log/stored_log.hpp"
#include "event-store/model/random.hpp"
#include "event-store/sqlite/sqlite_database.hpp"

namespace signalbox::event_store {

// A record on its way to the disk: offset and time of append are set when its group is written.
struct RowToWrite {
  std::shared_ptr<Record> record;
  Hash content;
};
// What can be done before the place is known, on whichever thread appends.
[[nodiscard]] RowToWrite prepare_row(std::shared_ptr<Record> record);

// What became of a group. refused: nothing of it is in the log, the next one may succeed.
// failed: nobody knows what is on disk; nothing may be acknowledged any more.
struct WriteFailure {
  enum class Kind { refused, failed } kind;
  Error error;
};
using WriteResult = tl::expected<void, WriteFailure>;

class SqliteStore {
 public:
  // Creates the log where there is none. The caller holds the data lock.
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(
      const SqliteEventLogOptions& options, const Clock& clock, Random& random);

  [[nodiscard]] const StoredLog& stored() const { return stored_; }

  // One transaction: sets offset and appended_at of every row, commits and syncs.
  [[nodiscard]] WriteResult write(std::span<const RowToWrite* const> group, Timestamp now);
  // Deletes the oldest rows of a partition, at most `rows_max`, that are before `floor` and were
  // appended before `cutoff`; the first offset that is left.
  [[nodiscard]] tl::expected<Offset, WriteFailure> expire(const TopicPartition& at, Offset first,
                                                          Offset floor, Timestamp cutoff,
                                                          int rows_max);
  // Moves the write-ahead log into the file, as far as readers let it; with `shrink` also cuts it
  // to what is reserved for it. `patient`: gives readers some seconds to let go.
  [[nodiscard]] WriteResult checkpoint(bool shrink, bool patient = false);
  // Of the write-ahead log: what is not in the file yet, and the size of its own file.
  [[nodiscard]] std::size_t wal_bytes() const { return wal_pages_ * kPageBytes; }
  [[nodiscard]] std::size_t wal_file_bytes() const;

  static constexpr std::size_t kPageBytes = 4096;

 private:
  using Counters = std::map<std::int64_t, std::int64_t>;  // place -> next offset

  SqliteStore() = default;
  [[nodiscard]] Result<void> prepare_connection();
  [[nodiscard]] Result<void> create(const SqliteEventLogOptions& options, const Clock& clock,
                                    Random& random);
  [[nodiscard]] Result<void> prepare_statements();
  [[nodiscard]] Result<void> load(const SqliteEventLogOptions& options);
  [[nodiscard]] Result<void> insert(const RowToWrite& row, std::int64_t id);
  [[nodiscard]] Result<void> write_rows(std::span<const RowToWrite* const> group, Timestamp now,
                                        Counters& next);
  // Best effort: a log that cannot have it is slower, not wrong.
  void reserve_wal();
  // After a failed call: rolls back and says what the failure means. `code` is SQLite's, extended.
  [[nodiscard]] WriteFailure give_up(int code, std::string_view doing);

  std::string path_;
  std::size_t wal_reserve_bytes_ = 0;
  SqliteDatabase database_;
  SqliteStatement begin_, commit_, rollback_, insert_, count_, oldest_, delete_;
  StoredLog stored_{{LogId(Uuid{}), 0}, {}, 0};
  Counters next_;  // as on disk
  std::optional<HeadWitness> head_;
  std::size_t wal_pages_ = 0;
};

}  // namespace signalbox::event_store
