// SqliteEventLog: the embedded log, one SQLite file in one data directory, written by one process.
// One thread ("log-writer") commits all that waits as one group and syncs it; only then are its
// appends answered and its records seen by anybody. Readers never wait for it.
//
// Failures: a full disk refuses the group (disk_full) and the next one is tried as if nothing had
// been; a failed sync or any other error of the disk ends the log for good: every waiting and later
// append is answered log_unavailable and `fatal` is called, whose owner must end the process.
// A full queue (queue_*_max) refuses with overloaded. Such refusals are answered at once, so they
// may come before the answers of earlier appends.
// The volatile topic (progress) is a ring in memory; a reader that is too slow skips what it lost.
//
// Lifetime: outlives its tails and memberships. Destruction writes what waits, then closes.
#pragma once

#include <memory>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/log/sqlite_log_options.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

class SqliteEventLog final : public EventLog {
 public:
  // Errors: already_running, bad_config (other number of partitions, other program's or newer
  // file), corrupt, disk_full, io_error. `clock` gives the time of append; `random` names a new
  // log.
  [[nodiscard]] static Result<std::unique_ptr<SqliteEventLog>> open(SqliteEventLogOptions options,
                                                                    const Clock& clock,
                                                                    Random& random);
  // For tools, also beside a process that writes: appends are answered unavailable, tails end at
  // what was there when bounds() was asked last. Errors: not_found, else as open().
  [[nodiscard]] static Result<std::unique_ptr<SqliteEventLog>> open_read_only(
      const std::string& dir);
  ~SqliteEventLog() override;

  [[nodiscard]] LogDescription describe() const override;
  void append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) override;
  [[nodiscard]] std::unique_ptr<Tail> tail(TopicPartition at, Offset from, Executor& where,
                                           TailSink& sink) override;
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    ReadLimits limits) override;
  [[nodiscard]] Result<LogBounds> bounds(TopicPartition at) override;
  // The single process owns every partition.
  [[nodiscard]] std::unique_ptr<Membership> join(std::string group, Executor& where,
                                                 MembershipSink& sink) override;

  // Everything before `resume_point` has its outcome: it may be deleted once old enough.
  void set_inbound_floor(Partition partition, Offset resume_point);
  [[nodiscard]] SqliteEventLogStatistics statistics() const;

 private:
  struct Parts;
  explicit SqliteEventLog(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox::event_store
