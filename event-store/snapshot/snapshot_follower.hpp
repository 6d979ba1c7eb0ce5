// SnapshotFollower: reads one partition of the topic `snapshots` into the store of this process, so
// that it holds what any owner of the partition has put, and goes on where it was after a restart.
//
// What relies on what: a partition's snapshot relies on those of users that come before it in the
// topic. Where compaction left a hole, one it relies on may stand further on; so behind a hole a
// partition's snapshot waits until everything is read that was there when the hole was met. A
// user's record that cannot be read, or whose SHA-256 is wrong, takes his older one with it: he is
// folded anew. Records of another log or another partition are nobody's.
//
// A lower one behind a higher one (a zombie's, landed late) is not taken. Compaction would keep the
// lower one for those who come later, so while this process owns the partition the higher one is
// written again, once it was read that it is needed; a partition's after the users it relies on.
//
// Thread: its executor; lag() any. Destroyed there.
// Memory: one batch, one partition's snapshot, lowered_max keys. What the store has no place for is
// read again later.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/snapshot/snapshot_outbox.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"

namespace signalbox::event_store {

struct SnapshotFollowerOptions {
  std::size_t snapshot_bytes_max = 16U << 20;
  std::size_t lowered_max = 10'000;
  std::size_t rewrites_per_tick = 64;
  std::chrono::milliseconds retry_delay{200};      // the store or the log has no place or answer
  std::chrono::milliseconds damage_delay{10'000};  // the log cannot be read on
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

// Totals since start, over all partitions; written on the executor, read from any thread.
struct SnapshotFollowerCounters {
  std::atomic<std::uint64_t> taken{0};      // into the store
  std::atomic<std::uint64_t> refused{0};    // damaged, or of another log or partition
  std::atomic<std::uint64_t> lowered{0};    // lower than what was known already
  std::atomic<std::uint64_t> rewritten{0};  // own ones, because of those
};

class SnapshotFollower final : private TailSink {
 public:
  // What all followers of a process share; outlives them.
  struct Services {
    EventLog& log;
    SqliteSnapshotStore& store;
    SnapshotOutbox& outbox;
    Executor& executor;
    const Clock& clock;
    SnapshotFollowerCounters& counters;
    const SnapshotFollowerOptions& options;
  };

  SnapshotFollower(Services services, Partition partition, Offset next);
  ~SnapshotFollower() override;

  // Begins, and begins again after trouble.
  void open();
  // Every second: what is left to do, and how far the end is, if it was not reached or `look`.
  void tick(bool owned, bool look);
  static constexpr std::uint64_t kLagUnknown = std::numeric_limits<std::uint64_t>::max();
  // Offsets of the topic that are not in the store yet, as of the newest look at its end;
  // kLagUnknown until the first. Any thread.
  [[nodiscard]] std::uint64_t lag() const { return lag_.load(std::memory_order_relaxed); }

 private:
  struct Held {
    Snapshot snapshot;
    Offset offset;
  };

  struct Asked {  // as it was when the end was asked for
    bool to_open;
    std::uint64_t holes;
  };

  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset end) override;
  void on_failed(const Error& error) override;

  // Asks where the topic ends, unless that is asked already.
  void ask_end();
  void on_bounds(const Result<LogBounds>& bounds, const Asked& asked);
  void open_tail(const LogBounds& bounds);
  void note_hole();
  // False: the store has no place; the record must come again.
  [[nodiscard]] bool take(const Record& record);
  [[nodiscard]] bool take_snapshot(const std::string& key, Snapshot snapshot, Offset offset);
  [[nodiscard]] bool refuse(const Record& record, const std::string& why);
  [[nodiscard]] bool release_held();
  void keep_up();
  void rewrite_lowered();
  [[nodiscard]] bool rewrite(const std::string& key);
  void note_place();
  void note_lag();
  void pause(std::chrono::milliseconds delay);

  Services services_;
  const Partition partition_;
  const LogId log_id_;
  const std::int32_t partitions_;
  Offset next_;  // everything before it was taken
  Offset end_{0};
  std::optional<Offset> hold_until_;  // kEndUnknown: not asked since the newest hole was met
  Offset hold_began_{0};              // where the first hole begins that it is for
  std::optional<Held> held_;          // the partition's, while it may rely on what is not read yet
  std::map<std::string, Offset> lowered_;
  std::uint64_t holes_ = 0;  // met so far
  bool asking_ = false;
  bool owned_ = false;   // by this process, as of the last tick
  bool paused_ = false;  // what the tail still delivers is read again later
  bool told_ = false;    // of the trouble there is
  std::atomic<std::uint64_t> lag_{kLagUnknown};
  TimerId timer_ = TimerId::none;
  std::unique_ptr<Tail> tail_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace signalbox::event_store
