// UserStates: the users of one partition that are in memory, each with what is needed to keep,
// evict and snapshot him (contract 9). States are loaded when a user is first met; at most
// `users_max` are held (the partition's share of the process's limit), and one with events not yet
// read back, or with open runs, stays. Thread: the router's. Lifetime: one follow-up of a
// partition; a lost ownership throws it away whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/snapshot/snapshot_store.hpp"
#include "router/routing_state.hpp"
#include "router/snapshot_codec.hpp"

namespace signalbox::router {

// Where the fold of a partition stands.
struct FoldState {
  event_store::Position position{};
  event_store::InboundResume inbound{};
};

struct UserStatesOptions {
  std::size_t users_max = 10000;           // of the process: each partition has its share
  std::int32_t snapshot_events = 200;      // of one user since his last snapshot
  std::chrono::seconds snapshot_idle{60};  // after his last event
  // Snapshots of the partition in a row that one user may hold up; see must_rest().
  std::int32_t in_the_way_max = 3;
  std::size_t rebuild_users_max = 256;  // in one pass over the partition; the rest in further ones
  // Of one user's snapshot (contract 9). One who is larger has none: the partition's snapshot stays
  // before his first event without one, and his history is folded from there.
  std::size_t snapshot_bytes_max = std::size_t{512} * 1024;
  // Of the ids in a partition's snapshot; with more the older one stays.
  std::size_t open_users_bytes_max = std::size_t{4} << 20;
};

// Totals since start, over all partitions. Written on the router's thread, read from any.
struct UserStatesCounters {
  std::atomic<std::uint64_t> snapshots_written{0};
  std::atomic<std::uint64_t> snapshots_refused{0};    // damaged, foreign or of another fold version
  std::atomic<std::uint64_t> snapshots_too_large{0};  // not written: of a user or of a partition
  std::atomic<std::uint64_t> snapshots_dropped{0};    // not written: the store had no place
  std::atomic<std::uint64_t> users_damaged{0};
  std::atomic<std::uint64_t> evictions{0};
};

class UserStates {
 public:
  struct Held {
    explicit Held(RoutingState folded) : state(std::move(folded)) {}
    RoutingState state;
    Offset covered_to{0};        // a snapshot already holds all of his before this offset
    bool chain_checked = false;  // an event was seen to follow on the snapshot's chain
    std::optional<FoldState> dirty_since{};  // before his first event that no snapshot covers
    std::int32_t events_since_snapshot = 0;
    // So many snapshots of the partition in a row he was in the way of: then he wants his own as
    // soon as nothing is open.
    std::int32_t in_the_way = 0;
    std::optional<Seq> too_large_at{};  // his snapshot was, and nothing has changed since
    MonotonicTime last_event{};
    std::size_t open_events = 0;  // stated, not yet read back: the state is ahead of the log
    std::list<UserId>::iterator used{};
  };

  // `fold_from`: where the fold of the partition begins. All users with events before it were given
  // snapshots, and the store tells one that is gone from one that never was: so a user of whom it
  // knows nothing is new.
  UserStates(event_store::EventLog& log, event_store::SnapshotStore& snapshots, const Clock& clock,
             LogId log_id, Partition partition, Offset fold_from, RoutingLimits limits,
             UserStatesOptions options, UserStatesCounters& counters);

  // The user's state: from memory, from his snapshot, or new. Null when his snapshot is refused or
  // his history does not fit it: he must be folded again from the log (UserRebuild), then given to
  // adopt(). Errors, all retryable: the log does not say what is needed to judge or to fill his
  // snapshot; nothing is refused for that. See must_ask() and texts_wanted().
  [[nodiscard]] Result<Held*> acquire(const UserId& user);
  [[nodiscard]] Held* find(const UserId& user);
  // `damage`: why he was frozen, if he was; told as when it is met by fold().
  void adopt(RoutingState rebuilt, const std::optional<std::string>& damage, const FoldState& now);

  // A valid event that was read and is not of the term that is on: folds it. `before` is the fold
  // just before it. Errors: unsupported_version: this build cannot fold the partition; those of
  // acquire(): whoever follows the partition begins again, for nothing of the event was kept.
  [[nodiscard]] Result<void> fold(const Record& event, const FoldState& before,
                                  const FoldState& after);

  // An event of the term that is on was read back; its state has it already.
  void confirm(const Event& event, const FoldState& before, const FoldState& after, Offset offset);

  // Snapshots of users that have been quiet, and eviction. Call every few seconds.
  void tick(const FoldState& now);
  // Writes what is missing and then the partition's own snapshot, as far as open events let it.
  // False: not now.
  bool snapshot_partition(const FoldState& now);
  // The last snapshot_partition() found a user who was in its way too often, for he always has
  // events open: nothing more should be stated until all are read back, then it should be written.
  [[nodiscard]] bool must_rest() const { return must_rest_; }
  // Users had to go although the store had no place for them; now it has, and until they are folded
  // again the partition gets no snapshot.
  [[nodiscard]] bool must_rebuild() const { return store_takes_ && dropped_users_; }

  // The events of the partition reach at least to here, as whoever follows it has read: what a
  // snapshot speaks of below it needs no question to the log.
  void note_end(Offset end) { known_end_ = std::max(known_end_, end); }
  // A snapshot speaks of more than is known to be there, and acquire() failed for it: the log is to
  // be asked how far it reaches, its answer to be told to note_answer(), with the snapshots_to() of
  // when it was asked, and then the user acquired again.
  [[nodiscard]] bool must_ask() const {
    return snapshots_to_ > known_end_ && snapshots_to_ > judged_to_;
  }
  // The furthest that a snapshot spoke of.
  [[nodiscard]] Offset snapshots_to() const { return snapshots_to_; }
  void note_answer(Offset end, Offset snapshots_to) {
    note_end(end);
    judged_to_ = std::max(judged_to_, snapshots_to);
  }

  // Where in the log texts are that a snapshot refers to, if the last acquire() failed for want of
  // them: they are to be asked for, the answer to be told to note_texts(), and then the user
  // acquired again.
  [[nodiscard]] const std::vector<Offset>& texts_wanted() const { return texts_wanted_; }
  // As EventLog::ask_records() answered for these places. Kept until the next snapshot is loaded.
  void note_texts(const std::vector<Offset>& places, const std::vector<RecordPtr>& records);

  // From the next event or tick() on.
  void set_users_max(std::size_t users_max) { options_.users_max = users_max; }

  // Users with open runs or with events not read back.
  [[nodiscard]] std::vector<UserId> busy_users() const;
  // Users of whom it is known that a rebuild is needed; at most `users_max` of them, `first` first
  // if it is not null and one of them.
  [[nodiscard]] std::vector<UserId> unfolded_users(std::size_t users_max,
                                                   const UserId* first = nullptr) const;
  [[nodiscard]] std::size_t size() const { return users_.size(); }

 private:
  [[nodiscard]] Result<Held*> load(const UserId& user);
  // As acquire(), of one whose event was read.
  [[nodiscard]] Result<Held*> acquire_for(const UserId& user, const Record& event);
  Held* insert(RoutingState state);
  [[nodiscard]] Result<bool> is_within_log(Offset next_offset);
  // False: the log no longer has a text. Error unavailable: they were not asked for yet.
  [[nodiscard]] Result<bool> refill(RoutingState& state);
  void touch(Held& held);
  void report_damage(Offset at, const std::string& what);
  void mark_unfolded(const UserId& user);
  // False: he has none of what he is now; see the limits.
  bool write_snapshot(Held& held, const FoldState& now);
  bool give_to_store(const std::string& key, std::int64_t order, std::string bytes);
  void note_too_large(Held& held, std::size_t bytes);
  // Meets at most so many who must stay; they then count as used.
  void evict(const FoldState& now, std::size_t staying_max);

  event_store::EventLog& log_;
  event_store::SnapshotStore& snapshots_;
  const Clock& clock_;
  LogId log_id_;
  Partition partition_;
  Offset fold_from_;
  RoutingLimits limits_;
  UserStatesOptions options_;
  std::unordered_map<UserId, Held> users_;
  Offset known_end_{0};
  Offset snapshots_to_{0};
  Offset judged_to_{0};  // a snapshot that speaks of no more, but of more than known_end_, is ahead
  std::vector<Offset> texts_wanted_;
  std::map<Offset, RecordPtr> texts_;  // asked for; null: the log no longer has it
  std::list<UserId> by_use_;           // least recently used first
  std::unordered_set<UserId> unfolded_;
  std::string refused_because_;  // of the last snapshot that was not used
  bool store_takes_ = true;      // the last put found a place
  bool dropped_users_ = false;   // some of unfolded_ are there for want of a place
  bool must_rest_ = false;
  bool open_users_fit_ = true;  // the last time they were counted
  UserStatesCounters& counters_;
};

// What the user's own record says his id is: the key.
[[nodiscard]] std::optional<UserId> user_of(const Record& event);

}  // namespace signalbox::router
