// SnapshotOutbox: own snapshots on their way to the topic `snapshots`, and from there into the
// store of this process. They are appended in the order in which they were put, and a partition's
// snapshot only when all before it in that partition are durable: whoever reads the topic in order
// finds what it relies on. A failed append is made again every second until it succeeds. Into the
// store goes what the log has, never more: a process that ends with some of them unsent starts
// again without them, as everybody else.
//
// Threads: put(), find(), flush() any; the rest the executor's, on which the log answers. Destroyed
// on it.
// Bounds: bytes_max of snapshots that are not in the store yet and unread_max keys of what the tail
// has not brought back yet; beyond either a put is refused (overloaded). Per key only the newest
// waits, in its place.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/random.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"

namespace signalbox::event_store {

struct SnapshotOutboxOptions {
  std::string source;  // ce_source
  std::size_t bytes_max = 64U << 20;
  std::size_t unread_max = 100'000;
  std::size_t in_flight_max = 64;  // appends per partition
  std::chrono::milliseconds retry_delay{1000};
  int compression_level = 1;
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class SnapshotOutbox {
 public:
  using SnapshotPtr = std::shared_ptr<const Snapshot>;

  SnapshotOutbox(EventLog& log, SqliteSnapshotStore& store, Executor& executor, const Clock& clock,
                 Random& random, SnapshotOutboxOptions options);
  ~SnapshotOutbox();
  SnapshotOutbox(const SnapshotOutbox&) = delete;
  SnapshotOutbox& operator=(const SnapshotOutbox&) = delete;

  // Error overloaded. One that is older than what waits under the key is no error and not sent, but
  // where that was refused.
  [[nodiscard]] Result<void> put(std::string_view key, Partition partition, SnapshotPtr snapshot);
  // The newest under the key that is not in the store yet, if any.
  [[nodiscard]] SnapshotPtr find(std::string_view key) const;
  // Waits until everything put so far is in the store. Error: the newest of the log's.
  [[nodiscard]] Result<void> flush();

  // A record with this key was read back at `offset`.
  void note_read(const std::string& key, std::int64_t order, Offset offset);
  // The topic was read up to `next`.
  void note_read_to(Partition partition, Offset next);
  // Something of this process is in the topic, or will be, that the tail has not brought yet.
  [[nodiscard]] bool is_unread(const std::string& key) const;

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::uint64_t appended() const;
  [[nodiscard]] std::uint64_t puts_refused() const;

 private:
  enum class State { waiting, in_flight, appended };
  struct Entry {
    std::string key;
    SnapshotPtr snapshot;
    State state = State::waiting;
    std::uint64_t number = 0;  // counts puts
  };
  using Place = std::list<Entry>::iterator;
  struct Lane {
    std::list<Entry> entries{};  // as they were put
    std::size_t in_flight = 0;
  };
  struct Unread {
    Partition partition;
    std::int64_t order;
    std::optional<Offset> offset;  // once it is known
  };

  void wake();
  void send();
  [[nodiscard]] std::vector<Place> next_to_send(Lane& lane);
  void append(Partition partition, Place place);
  void on_appended(Partition partition, Place place, const Result<Offset>& appended);
  void hand_over(Lane& lane);
  void retry_later();
  [[nodiscard]] NewRecord record_of(const Entry& entry);

  EventLog& log_;
  SqliteSnapshotStore& store_;
  Executor& executor_;
  const Clock& clock_;
  Random& random_;  // the executor's
  const LogId log_id_;
  const SnapshotOutboxOptions options_;
  TimerId retry_timer_ = TimerId::none;  // the executor's

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All guarded by mutex_; entries that are not waiting are changed by the executor alone.
  std::map<Partition, Lane> lanes_;
  std::map<std::string, Place, std::less<>> newest_;
  std::unordered_map<std::string, Unread> unread_;
  std::size_t bytes_ = 0;
  std::uint64_t puts_ = 0;
  std::uint64_t appended_ = 0;
  std::uint64_t puts_refused_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<Error> failed_;
  bool woken_ = false;
  bool closing_ = false;

  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::event_store
