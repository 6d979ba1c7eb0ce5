// TravellingSnapshotStore: snapshots that every router of a cluster has. A put goes to the topic
// `snapshots` of the log and into a file of this process; what others put is read from the topic
// into the same file (SqliteSnapshotStore's), a warm standby: whoever takes a partition over finds
// the states there by key. It may be behind; then a router folds more from the log, no less right
// (ops/decisions/0024).
//
// Lifetime: made anywhere; started and destroyed on its executor, which the log and it outlive.
// Threads: get(), put(), refuse(), flush(), set_owned() and figures any; the work of following is
// the executor's, one thread of its own. flush() not on it. Bounds: see
// SnapshotOutbox (puts are refused, overloaded), SqliteSnapshotStore, SnapshotFollower (what finds
// no place stays in the topic).
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "event-store/snapshot/snapshot_follower.hpp"
#include "event-store/snapshot/snapshot_outbox.hpp"

namespace signalbox::event_store {

struct TravellingSnapshotOptions {
  std::string instance = "router";  // in ce_source, for people
  // Of one put, before compression: in base64 it must fit a record of 1 MiB.
  std::size_t snapshot_bytes_max = std::size_t{700} << 10;
  SnapshotStoreOptions file{};
  SnapshotOutboxOptions outbox{};
  SnapshotFollowerOptions follower{};
  std::chrono::milliseconds tick{1000};
  // One sentence for the operator; called on any thread that uses the store.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

class TravellingSnapshotStore final : public SnapshotStore {
 public:
  // `path` is the file; its folder exists. `random` is the executor's. Errors: as
  // SqliteSnapshotStore.
  [[nodiscard]] static Result<std::unique_ptr<TravellingSnapshotStore>> open(
      const std::string& path, EventLog& log, Executor& executor, const Clock& clock,
      Random& random, TravellingSnapshotOptions options);
  ~TravellingSnapshotStore() override;

  void start();

  // Error too_large also: the topic would not take it.
  [[nodiscard]] Result<void> put(std::string_view key, Snapshot snapshot) override;
  [[nodiscard]] Result<std::optional<Snapshot>> get(std::string_view key) override;
  void refuse(std::string_view key) override;
  // Waits until everything put so far is in the log and on disk.
  [[nodiscard]] Result<void> flush() override;
  [[nodiscard]] std::uint64_t behind(Partition partition) const override;
  void set_owned(Partition partition, bool owned) override;

  // Of all partitions together; none until something is known of each.
  [[nodiscard]] std::optional<std::uint64_t> behind() const;
  [[nodiscard]] const SnapshotFollowerCounters& counters() const { return counters_; }
  [[nodiscard]] const SnapshotOutbox& outbox() const { return *outbox_; }
  [[nodiscard]] const SqliteSnapshotStore& file() const { return *file_; }

 private:
  TravellingSnapshotStore(std::unique_ptr<SqliteSnapshotStore> file, EventLog& log,
                          Executor& executor, const Clock& clock, Random& random,
                          TravellingSnapshotOptions options);
  void tick();

  const TravellingSnapshotOptions options_;
  Executor& executor_;
  const Clock& clock_;
  const std::int32_t partitions_;
  SnapshotFollowerCounters counters_;
  std::unique_ptr<SqliteSnapshotStore> file_;
  std::unique_ptr<SnapshotOutbox> outbox_;
  std::deque<std::atomic<bool>> owned_;
  std::deque<SnapshotFollower> followers_;
  std::size_t ticks_ = 0;
  TimerId timer_ = TimerId::none;
};

}  // namespace signalbox::event_store
