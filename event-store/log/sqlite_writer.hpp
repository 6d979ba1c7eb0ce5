// SqliteWriter: the thread ("log-writer") that commits what waits. It takes all of it up to the
// limits of a group, writes it as one transaction and answers it; there is no delay but the sync,
// during which the next group gathers. When nothing has come for a while it moves the write-ahead
// log into the file and deletes what retention no longer keeps.
// Threads: append() and the rest any. Bound: queue_records_max and queue_bytes_max count appends
// that are not answered yet; full: overloaded. Private to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/log_tails.hpp"
#include "event-store/log/sqlite_log_options.hpp"
#include "event-store/log/sqlite_store.hpp"

namespace signalbox::event_store {

class SqliteWriter {
 public:
  SqliteWriter(SqliteStore& store, LogTails& tails, const SqliteEventLogOptions& options,
               const Clock& clock);
  // Writes what waits, moves the write-ahead log into the file, ends.
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  void append(std::shared_ptr<Record> record, Executor& where, AppendDone done);
  // Never waits for the disk.
  void append_volatile(std::shared_ptr<Record> record, Executor& where, AppendDone done);
  void set_inbound_floor(Partition partition, Offset resume_point);
  [[nodiscard]] SqliteEventLogStatistics statistics() const;

 private:
  struct Pending {
    RowToWrite row;
    std::size_t bytes;
    Executor& where;
    AppendDone done;
  };
  enum class Wake { work, idle, stop };

  [[nodiscard]] Error too_large(std::size_t bytes) const;
  [[nodiscard]] std::optional<Error> admit(std::size_t bytes) const;
  void write_until_stopped();
  [[nodiscard]] Wake wait(std::vector<Pending>& group);
  void take_group(std::vector<Pending>& group);
  void commit(std::vector<Pending>& group);
  void answer(std::vector<Pending>& group, const std::optional<Error>& refused);
  // Ends the log for good: answers these and what waits in the queue, then calls fatal.
  void end(const Error& error, std::vector<Pending> waiting);
  void keep_house();
  void checkpoint(bool shrink);
  void expire_old_records();
  [[nodiscard]] Offset floor_of(const TopicPartition& at) const;
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool has_ended() const;

  SqliteStore& store_;  // writer thread only
  LogTails& tails_;
  const SqliteEventLogOptions& options_;
  const Clock& clock_;

  // Writer thread only.
  std::size_t checkpoint_at_;
  bool housekeeping_left_ = true;
  std::chrono::steady_clock::time_point next_retention_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;           // guarded by mutex_
  std::size_t unanswered_records_ = 0;  // guarded by mutex_
  std::size_t unanswered_bytes_ = 0;    // guarded by mutex_
  // Records no longer kept, let go of by those who append: a thread that frees what another one
  // allocated contends with it for every allocation (a fifth of the throughput of one appender).
  std::vector<RecordPtr> dropped_;      // guarded by mutex_; at most kDroppedMax
  std::map<Partition, Offset> floors_;  // guarded by mutex_
  std::optional<Error> ended_;          // guarded by mutex_
  bool sleeping_ = false;               // guarded by mutex_
  bool stopping_ = false;               // guarded by mutex_

  std::atomic<std::uint64_t> groups_ = 0;
  std::atomic<std::uint64_t> rows_ = 0;
  std::atomic<std::uint64_t> groups_refused_ = 0;
  std::atomic<std::uint64_t> checkpoints_ = 0;
  std::atomic<std::uint64_t> retention_looks_ = 0;
  std::atomic<std::size_t> wal_bytes_ = 0;

  std::thread thread_;
};

}  // namespace signalbox::event_store
