#include "event-store/snapshot/snapshot_follower.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "event-store/contract/codec.hpp"
#include "event-store/snapshot/snapshot_key.hpp"
#include "event-store/snapshot/snapshot_row.hpp"

namespace signalbox::event_store {
namespace {

constexpr Offset kEndUnknown{std::numeric_limits<std::int64_t>::max()};

std::string as_bytes(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

SnapshotFollower::SnapshotFollower(Services services, Partition partition, Offset next)
    : services_(services),
      partition_(partition),
      log_id_(services.log.describe().log_id),
      partitions_(services.log.describe().partitions),
      next_(next) {}

SnapshotFollower::~SnapshotFollower() { services_.executor.cancel(timer_); }

void SnapshotFollower::open() {
  tail_.reset();
  paused_ = true;
  ask_end();
}

void SnapshotFollower::open_tail(const LogBounds& bounds) {
  paused_ = false;
  // A topic that was made anew: what is known of it is of another life.
  if (next_ > bounds.end) {
    next_ = bounds.first;
    hold_began_ = next_;
    hold_until_ = bounds.end;
  }
  TailSink& sink = *this;
  tail_ = services_.log.tail({Topic::snapshots, partition_}, std::max(next_, bounds.first),
                             services_.executor, sink);
}

void SnapshotFollower::ask_end() {
  if (std::exchange(asking_, true)) return;
  services_.log.ask_bounds({Topic::snapshots, partition_}, services_.executor,
                           [this, asked = Asked{!tail_, holes_},
                            alive = std::weak_ptr<bool>(alive_)](const Result<LogBounds>& bounds) {
                             if (alive.expired()) return;
                             asking_ = false;
                             on_bounds(bounds, asked);
                           });
}

void SnapshotFollower::on_bounds(const Result<LogBounds>& bounds, const Asked& asked) {
  if (!bounds) {
    if (!tail_) pause(services_.options.retry_delay);
    return;  // the next tick asks again
  }
  // Of before the tail ended: more may have been read than there was then.
  if (!tail_ && !asked.to_open) return ask_end();
  if (!tail_) open_tail(*bounds);
  end_ = std::max(bounds->end, next_);
  note_lag();
  if (hold_until_ == kEndUnknown) {
    if (asked.holes != holes_) return ask_end();
    hold_until_ = bounds->end;
    if (!release_held()) pause(services_.options.retry_delay);
    note_place();
  }
  keep_up();
}

void SnapshotFollower::pause(std::chrono::milliseconds delay) {
  paused_ = true;
  services_.executor.cancel(timer_);
  timer_ = services_.executor.call_at(services_.clock.monotonic() + delay, [this] { open(); });
}

// ---- reading

void SnapshotFollower::on_records(std::span<const RecordPtr> records) {
  if (paused_) return;
  for (const RecordPtr& record : records) {
    if (record->offset > next_) note_hole();
    if (!take(*record)) {
      pause(services_.options.retry_delay);
      break;
    }
    next_ = record->offset.next();
  }
  end_ = std::max(end_, next_);
  if (!release_held()) pause(services_.options.retry_delay);
  note_place();
  note_lag();
}

void SnapshotFollower::on_caught_up(Offset end) {
  if (paused_) return;
  told_ = false;
  next_ = std::max(next_, end);
  end_ = next_;
  services_.outbox.note_read_to(partition_, next_);
  if (!release_held()) pause(services_.options.retry_delay);
  note_place();
  note_lag();
}

void SnapshotFollower::on_failed(const Error& error) {
  if (paused_) return;
  const bool is_gone = error.code == Errc::not_found;  // retention took it: on from the first
  if (!is_gone && !std::exchange(told_, true))
    services_.options.warn("snapshots of partition " + std::to_string(partition_.value()) +
                           " cannot be read on: " + error.message);
  pause(is_gone ? services_.options.retry_delay : services_.options.damage_delay);
}

// What was there is superseded by something up to the end of now.
void SnapshotFollower::note_hole() {
  if (!hold_until_) hold_began_ = next_;
  hold_until_ = kEndUnknown;
  ++holes_;
  ask_end();
}

bool SnapshotFollower::take(const Record& record) {
  if (!record.key || place_of_snapshot_key(*record.key, partitions_) != partition_)
    return refuse(record, "its key does not belong there");
  auto read = decode_snapshot_record(record);
  if (!read) return refuse(record, read.error().field + " " + read.error().message);
  if (read->log_id != log_id_) return refuse(record, "it is of another log");
  const auto hash = parse_hash(read->sha256);
  const std::string stored_hash = hash ? as_bytes(*hash) : std::string();
  auto snapshot = snapshot_of({read->key, read->order, read->fold_version, read->zstd, stored_hash},
                              services_.options.snapshot_bytes_max);
  if (!snapshot) return refuse(record, snapshot.error().message);
  services_.outbox.note_read(read->key, snapshot->order, record.offset);
  return take_snapshot(read->key, std::move(*snapshot), record.offset);
}

bool SnapshotFollower::take_snapshot(const std::string& key, Snapshot snapshot, Offset offset) {
  const auto found = services_.store.find(key);
  const auto kept = found ? *found : std::nullopt;
  if (kept && kept->order > snapshot.order) {
    // Not while something newer of this process is on its way: that is behind it then.
    if (services_.outbox.is_unread(key)) return true;
    ++services_.counters.lowered;
    if (lowered_.size() < services_.options.lowered_max) lowered_.emplace(key, offset);
    return true;
  }
  lowered_.erase(key);
  // Mostly one's own, come back. Equal order and fold: the same fact.
  if (kept && kept->order == snapshot.order && kept->fold_version == snapshot.fold_version)
    return true;
  if (hold_until_ && partition_of_snapshot_key(key)) {
    if (!held_ || held_->snapshot.order <= snapshot.order)
      held_ = Held{std::move(snapshot), offset};
    return true;
  }
  if (const auto put = services_.store.put(key, std::move(snapshot)); !put)
    return put.error().code != Errc::overloaded;
  ++services_.counters.taken;
  return true;
}

bool SnapshotFollower::refuse(const Record& record, const std::string& why) {
  ++services_.counters.refused;
  const bool is_placed =
      record.key && place_of_snapshot_key(*record.key, partitions_) == partition_;
  const auto read = decode_snapshot_record(record);
  const bool is_foreign = read && read->log_id != log_id_;
  // Without its key, which may be a user's name.
  services_.options.warn("the snapshot at offset " + std::to_string(record.offset.value()) +
                         " of partition " + std::to_string(partition_.value()) +
                         " is not used: " + why);
  // What a partition's older snapshot says stays true; what a user's says may be out of date.
  if (!is_placed || is_foreign || partition_of_snapshot_key(*record.key) ||
      services_.outbox.is_unread(*record.key))
    return true;
  lowered_.erase(*record.key);
  return services_.store.lose(*record.key).has_value();
}

bool SnapshotFollower::release_held() {
  if (!hold_until_ || next_ < *hold_until_) return true;
  if (held_) {
    const auto put =
        services_.store.put(partition_snapshot_key(partition_), std::move(held_->snapshot));
    if (!put && put.error().code == Errc::overloaded) {
      // It is read once more, with all behind it.
      next_ = held_->offset;
      held_.reset();
      return false;
    }
    ++services_.counters.taken;
  }
  held_.reset();
  hold_until_.reset();
  return true;
}

// ---- keeping

// What is held, what for, and what still has to be written again is in memory alone: after a
// restart it is read again, and the hole is met again.
void SnapshotFollower::note_place() {
  Offset place = next_;
  if (hold_until_) place = std::min(place, hold_began_);
  for (const auto& [key, offset] : lowered_) place = std::min(place, offset);
  services_.store.note_place(partition_, place);
}

void SnapshotFollower::note_lag() {
  const std::int64_t behind = end_ > next_ ? end_.value() - next_.value() : 0;
  lag_.store(static_cast<std::uint64_t>(behind), std::memory_order_relaxed);
}

void SnapshotFollower::tick(bool owned, bool look) {
  owned_ = owned;
  if (paused_) return;
  if (lag() > 0 || look || hold_until_ == kEndUnknown) return ask_end();
  keep_up();
}

void SnapshotFollower::keep_up() {
  if (!paused_ && lag() == 0 && owned_ && !hold_until_) rewrite_lowered();
}

void SnapshotFollower::rewrite_lowered() {
  std::vector<std::string> keys;
  for (const auto& [key, offset] : lowered_)
    if (!services_.outbox.is_unread(key)) keys.push_back(key);
  std::ranges::stable_partition(
      keys, [](const std::string& key) { return !partition_of_snapshot_key(key); });
  if (keys.size() > services_.options.rewrites_per_tick)
    keys.resize(services_.options.rewrites_per_tick);
  for (const std::string& key : keys)
    if (!rewrite(key)) return;
}

// False: there is no place for it now.
bool SnapshotFollower::rewrite(const std::string& key) {
  const auto kept = services_.store.get(key);
  if (!kept || !*kept) {
    lowered_.erase(key);  // nobody has a better one any more
    return true;
  }
  if (!services_.outbox.put(key, partition_, std::make_shared<const Snapshot>(std::move(**kept))))
    return false;
  ++services_.counters.rewritten;
  return true;
}

}  // namespace signalbox::event_store
