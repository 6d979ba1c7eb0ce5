// EventLog: the one door to what happened (seam 1). Topics with partitions of records, offsets
// counted from 0, asynchronous durable appends, tails. Two implementations in the product,
// sqlite_event_log and kafka_event_log; simulated_event_log in tests can lie.
// tests/log/conformance_suite.hpp runs on each.
//
// Threads: every function may be called from any thread; every callback runs on the executor it was
// given with. A log outlives its tails and memberships; callbacks of a destroyed tail or membership
// never run when the destruction happened on the callback's executor.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct LogDescription {
  LogId log_id;
  std::int32_t partitions;  // of every topic, fixed for life
};

struct LogBounds {
  Offset first;  // oldest offset that can be read; of an empty partition the same as end
  Offset end;    // the offset the next record will get
};

// Offset of the record once it is durable (volatile topics: once readers can see it).
// Errors: disk_full and log_unavailable: not appended, or of unknown outcome; the caller's order of
// retries decides what that means (ops/decisions/0015). stopped: the log is closing. too_large.
using AppendDone = std::function<void(Result<Offset>)>;

// What bounds() says, with its errors; also stopped: the log is closing.
using BoundsDone = std::function<void(const Result<LogBounds>&)>;

// What ask_records() found; also stopped: the log is closing.
using RecordsDone = std::function<void(const Result<std::vector<RecordPtr>>&)>;

class TailSink {
 public:
  virtual ~TailSink() = default;
  // Records of one partition in offset order, without a gap in what the log holds; offsets may skip
  // where retention or the backend left holes. At most one call is in flight per tail: what the
  // sink does not take in time waits in the log, not in memory.
  virtual void on_records(std::span<const RecordPtr> records) = 0;
  // The tail has delivered everything up to `end`, the end of the partition when it was asked last.
  virtual void on_caught_up(Offset end) = 0;
  // The tail ends: corrupt (a stored record does not match its checksum, named with its place) or
  // not_found (retention took the next offset).
  virtual void on_failed(const Error& error) = 0;
};

// A subscription; destroying it ends it: its executor is not touched any more, and may go.
class Tail {
 public:
  virtual ~Tail() = default;
};

// Who should own which partitions: a hint, never a right (contract 8).
class MembershipSink {
 public:
  virtual ~MembershipSink() = default;
  // The complete set this member should own from now on.
  virtual void on_assigned(std::span<const Partition> partitions) = 0;
  // Why this member is not, or no longer, in the group, for people; it goes on trying, and
  // on_assigned() is the end of it.
  virtual void on_trouble(const Error&) {}
};

// Membership in a consumer group; destroying it leaves the group at once.
class Membership {
 public:
  virtual ~Membership() = default;
};

struct ReadLimits {
  std::size_t records_max = 1000;
  std::size_t bytes_max = 1 << 20;  // at least one record is returned however large
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  [[nodiscard]] virtual LogDescription describe() const = 0;

  // Appends of one partition made by one thread are appended in call order, each once if it is
  // reported ok. `done` runs on `where`, in call order per thread (on Kafka: and partition);
  // results come in groups.
  virtual void append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) = 0;

  // Delivers records from `from` on, and new ones as they come.
  [[nodiscard]] virtual std::unique_ptr<Tail> tail(TopicPartition at, Offset from, Executor& where,
                                                   TailSink& sink) = 0;

  // Blocking; not for io threads. Records from `from` on, as many as there are within the limits;
  // none at or beyond the end. What was reported ok or delivered by any tail before the call is
  // among them, never an older state. Errors: corrupt, not_found (below the first offset),
  // io_error.
  [[nodiscard]] virtual Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                            ReadLimits limits) = 0;

  // Blocking on a broker, a look into memory on the embedded log. As new as read().
  [[nodiscard]] virtual Result<LogBounds> bounds(TopicPartition at) = 0;

  // The same for threads that must not wait: `done` runs on `where`, once, never inside this call.
  virtual void ask_bounds(TopicPartition at, Executor& where, BoundsDone done) {
    where.post([found = bounds(at), done = std::move(done)] { done(found); });
  }

  // Single records for threads that must not wait, as read() gives them: as many as `offsets`, null
  // where the log no longer has one. `done` as above. Errors: retryable ones of read() alone.
  virtual void ask_records(TopicPartition at, const std::vector<Offset>& offsets, Executor& where,
                           RecordsDone done);

  [[nodiscard]] virtual std::unique_ptr<Membership> join(std::string group, Executor& where,
                                                         MembershipSink& sink) = 0;

 protected:
  // Blocking, one read() each.
  [[nodiscard]] Result<std::vector<RecordPtr>> records_at(const TopicPartition& at,
                                                          const std::vector<Offset>& offsets);
};

}  // namespace signalbox::event_store
