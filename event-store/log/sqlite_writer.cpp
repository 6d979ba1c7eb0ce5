#include "event-store/log/sqlite_writer.hpp"

#include <pthread.h>

#include <array>
#include <utility>

#include "event-store/log/post_batch.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::size_t kDroppedMax = 4096;
constexpr std::size_t kLetGoPerAppend = 2;
constexpr int kExpireRows = 500;  // of one transaction, so that an append never waits long

}  // namespace

SqliteWriter::SqliteWriter(SqliteStore& store, LogTails& tails,
                           const SqliteEventLogOptions& options, const Clock& clock)
    : store_(store),
      tails_(tails),
      options_(options),
      clock_(clock),
      checkpoint_at_(options.checkpoint_bytes),
      next_retention_(std::chrono::steady_clock::now()) {
  thread_ = std::thread([this] { write_until_stopped(); });
}

SqliteWriter::~SqliteWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SqliteWriter::append(std::shared_ptr<Record> record, Executor& where, AppendDone done) {
  const std::size_t bytes = size_bytes(*record);
  RowToWrite row = prepare_row(std::move(record));
  bool wake = false;
  std::optional<Error> refused;
  std::array<RecordPtr, kLetGoPerAppend> let_go;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < let_go.size() && !dropped_.empty(); ++i) {
      let_go[i] = std::move(dropped_.back());
      dropped_.pop_back();
    }
    refused = admit(bytes);
    if (!refused) {
      queue_.push_back({std::move(row), bytes, where, std::move(done)});
      ++unanswered_records_;
      unanswered_bytes_ += bytes;
      wake = std::exchange(sleeping_, false);
    }
  }
  if (wake) wake_.notify_one();
  if (refused)
    where.post([done = std::move(done), error = std::move(*refused)]() mutable {
      done(tl::unexpected(std::move(error)));
    });
}

void SqliteWriter::append_volatile(std::shared_ptr<Record> record, Executor& where,
                                   AppendDone done) {
  const std::size_t bytes = size_bytes(*record);
  PostBatch posts(tails_.gate());
  const Result<Offset> result = bytes > options_.record_bytes_max
                                    ? Result<Offset>(tl::unexpected(too_large(bytes)))
                                    : tails_.publish_volatile(record, posts);
  posts.add(where, [done = std::move(done), result] { done(result); });
  posts.flush();
}

Error SqliteWriter::too_large(std::size_t bytes) const {
  return {Errc::too_large, "a record of " + std::to_string(bytes) + " bytes; at most " +
                               std::to_string(options_.record_bytes_max)};
}

std::optional<Error> SqliteWriter::admit(std::size_t bytes) const {
  if (ended_) return ended_;
  if (stopping_) return Error{Errc::stopped, "the log is closing"};
  if (bytes > options_.record_bytes_max) return too_large(bytes);
  if (unanswered_records_ >= options_.queue_records_max ||
      (unanswered_bytes_ + bytes > options_.queue_bytes_max && unanswered_records_ > 0))
    return Error{Errc::overloaded, std::to_string(unanswered_records_) +
                                       " appends wait for the disk; no more are taken"};
  return std::nullopt;
}

void SqliteWriter::set_inbound_floor(Partition partition, Offset resume_point) {
  const std::lock_guard lock(mutex_);
  floors_.insert_or_assign(partition, resume_point);
}

SqliteEventLogStatistics SqliteWriter::statistics() const {
  const std::lock_guard lock(mutex_);
  return {unanswered_records_,    unanswered_bytes_,   groups_.load(),          rows_.load(),
          groups_refused_.load(), checkpoints_.load(), retention_looks_.load(), wal_bytes_.load()};
}

void SqliteWriter::write_until_stopped() {
  pthread_setname_np(pthread_self(), "log-writer");
  std::vector<Pending> group;
  while (true) {
    const Wake woken = wait(group);
    if (woken == Wake::stop) break;
    if (woken == Wake::idle) {
      keep_house();
    } else {
      commit(group);
      group.clear();
    }
  }
  checkpoint(false);
}

SqliteWriter::Wake SqliteWriter::wait(std::vector<Pending>& group) {
  std::unique_lock lock(mutex_);
  const auto called = [this] { return !queue_.empty() || stopping_; };
  while (!called()) {
    sleeping_ = true;
    // With nothing left to do when idle, it sleeps until retention is due.
    const auto until = housekeeping_left_ ? std::chrono::steady_clock::now() + options_.idle_after
                                          : next_retention_;
    const bool idle = !wake_.wait_until(lock, until, called);
    sleeping_ = false;
    if (idle) return Wake::idle;
  }
  if (queue_.empty()) return Wake::stop;
  take_group(group);
  return Wake::work;
}

void SqliteWriter::take_group(std::vector<Pending>& group) {
  std::size_t bytes = 0;
  while (!queue_.empty() && group.size() < options_.group_records_max) {
    bytes += queue_.front().bytes;
    if (bytes > options_.group_bytes_max && !group.empty()) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
}

void SqliteWriter::commit(std::vector<Pending>& group) {
  std::vector<const RowToWrite*> rows;
  rows.reserve(group.size());
  for (const Pending& pending : group) rows.push_back(&pending.row);
  const WriteResult written = store_.write(rows, clock_.now());
  wal_bytes_ = store_.wal_bytes();
  housekeeping_left_ = true;
  if (written) {
    ++groups_;
    rows_ += group.size();
    answer(group, std::nullopt);
    if (store_.wal_bytes() >= checkpoint_at_) checkpoint(false);
    return;
  }
  if (written.error().kind == WriteFailure::Kind::refused) {
    ++groups_refused_;
    answer(group, written.error().error);
    return;
  }
  end(written.error().error, std::move(group));
}

void SqliteWriter::answer(std::vector<Pending>& group, const std::optional<Error>& refused) {
  std::size_t bytes = 0;
  PostBatch posts(tails_.gate());
  std::vector<RecordPtr> committed;
  for (Pending& pending : group) {
    bytes += pending.bytes;
    Result<Offset> result = pending.row.record->offset;
    if (refused)
      result = tl::unexpected(*refused);
    else
      committed.push_back(std::move(pending.row.record));
    posts.add(pending.where, [done = std::move(pending.done),
                              result = std::move(result)]() mutable { done(std::move(result)); });
  }
  std::vector<RecordPtr> dropped;
  if (!committed.empty()) tails_.publish(committed, posts, dropped);
  {
    const std::lock_guard lock(mutex_);
    while (!dropped.empty() && dropped_.size() < kDroppedMax) {
      dropped_.push_back(std::move(dropped.back()));
      dropped.pop_back();
    }
    unanswered_records_ -= group.size();
    unanswered_bytes_ -= bytes;
  }
  posts.flush();
}

void SqliteWriter::end(const Error& error, std::vector<Pending> waiting) {
  {
    const std::lock_guard lock(mutex_);
    ended_ = error;
    for (Pending& pending : queue_) waiting.push_back(std::move(pending));
    queue_.clear();
  }
  answer(waiting, error);
  options_.fatal(error);
}

bool SqliteWriter::has_work() const {
  const std::lock_guard lock(mutex_);
  return !queue_.empty() || stopping_;
}

bool SqliteWriter::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_.has_value();
}

void SqliteWriter::keep_house() {
  housekeeping_left_ = false;
  if (has_ended()) next_retention_ = std::chrono::steady_clock::now() + options_.retention_interval;
  if (has_ended() || has_work()) return;
  if (std::chrono::steady_clock::now() >= next_retention_) expire_old_records();
  const bool shrink = store_.wal_file_bytes() > options_.shrink_bytes;
  if (!has_work() && (shrink || store_.wal_bytes() >= options_.idle_checkpoint_bytes))
    checkpoint(shrink);
}

void SqliteWriter::checkpoint(bool shrink) {
  if (has_ended()) return;
  const WriteResult moved = store_.checkpoint(shrink);
  ++checkpoints_;
  wal_bytes_ = store_.wal_bytes();
  // What a reader held back, or a full disk refused, is tried again once more has gathered.
  checkpoint_at_ = store_.wal_bytes() == 0 ? options_.checkpoint_bytes
                                           : store_.wal_bytes() + options_.checkpoint_bytes / 4;
  if (!moved && moved.error().kind == WriteFailure::Kind::failed) end(moved.error().error, {});
}

Offset SqliteWriter::floor_of(const TopicPartition& at) const {
  if (at.topic != Topic::inbound) return tails_.bounds(at).end;
  const std::lock_guard lock(mutex_);
  const auto found = floors_.find(at.partition);
  return found == floors_.end() ? Offset(0) : found->second;
}

void SqliteWriter::expire_old_records() {
  next_retention_ = std::chrono::steady_clock::now() + options_.retention_interval;
  const std::array<std::pair<Topic, std::chrono::hours>, 3> kept{{
      {Topic::inbound, options_.inbound_retention},
      {Topic::connections, options_.connections_retention},
      {Topic::quarantine, options_.quarantine_retention},
  }};
  for (const auto& [topic, time] : kept) {
    const Timestamp cutoff = clock_.now() - time;
    for (std::int32_t p = 0; p < store_.stored().description.partitions; ++p) {
      const TopicPartition at{topic, Partition(p)};
      while (true) {
        if (has_work()) {
          // The rest goes on at the next idle moment.
          next_retention_ = std::chrono::steady_clock::now();
          return;
        }
        const Offset first = tails_.bounds(at).first;
        const auto left = store_.expire(at, first, floor_of(at), cutoff, kExpireRows);
        if (!left) {
          if (left.error().kind == WriteFailure::Kind::failed) end(left.error().error, {});
          return;
        }
        if (*left == first) break;
        housekeeping_left_ = true;
        tails_.raise_first(at, *left);
      }
    }
  }
  ++retention_looks_;
}

}  // namespace signalbox::event_store
