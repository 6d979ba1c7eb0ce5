#include "event-store/snapshot/snapshot_outbox.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/snapshot/snapshot_key.hpp"
#include "event-store/snapshot/snapshot_row.hpp"

namespace signalbox::event_store {

SnapshotOutbox::SnapshotOutbox(EventLog& log, SqliteSnapshotStore& store, Executor& executor,
                               const Clock& clock, Random& random, SnapshotOutboxOptions options)
    : log_(log),
      store_(store),
      executor_(executor),
      clock_(clock),
      random_(random),
      log_id_(log.describe().log_id),
      options_(std::move(options)) {}

SnapshotOutbox::~SnapshotOutbox() {
  executor_.cancel(retry_timer_);
  const std::lock_guard lock(mutex_);
  closing_ = true;
  changed_.notify_all();
}

// ---- taking

Result<void> SnapshotOutbox::put(std::string_view key, Partition partition, SnapshotPtr snapshot) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = newest_.find(key);
    const bool replaces = known != newest_.end() && known->second->state == State::waiting;
    const std::size_t others =
        bytes_ - (replaces ? key.size() + known->second->snapshot->bytes.size() : 0);
    const std::size_t bytes = key.size() + snapshot->bytes.size();
    const bool is_remembered = unread_.contains(std::string(key));
    if (others + bytes > options_.bytes_max ||
        (!is_remembered && unread_.size() >= options_.unread_max)) {
      ++puts_refused_;
      return failure(
          Errc::overloaded,
          std::to_string(bytes_) + " bytes of snapshots wait for the " + "log; no more is taken");
    }
    bytes_ = others + bytes;
    unread_.insert_or_assign(std::string(key), Unread{partition, snapshot->order, std::nullopt});
    // A partition's relies on all that were put before it, so its newest goes to the end.
    if (replaces && !partition_of_snapshot_key(key)) {
      known->second->snapshot = std::move(snapshot);
    } else {
      auto& entries = lanes_[partition].entries;
      if (replaces) entries.erase(known->second);
      const Place place = entries.insert(
          entries.end(), Entry{.key = std::string(key), .snapshot = std::move(snapshot)});
      place->number = ++puts_;
      newest_.insert_or_assign(std::string(key), place);
    }
    if (std::exchange(woken_, true)) return {};
  }
  wake();
  return {};
}

void SnapshotOutbox::wake() {
  executor_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) send();
  });
}

SnapshotOutbox::SnapshotPtr SnapshotOutbox::find(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto found = newest_.find(key);
  return found == newest_.end() ? nullptr : found->second->snapshot;
}

Result<void> SnapshotOutbox::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t last = puts_;
  const std::uint64_t failures_before = failures_;
  const auto is_done = [&] {
    return std::ranges::all_of(lanes_, [&](const auto& lane) {
      return lane.second.entries.empty() || lane.second.entries.front().number > last;
    });
  };
  changed_.wait(lock, [&] { return closing_ || is_done() || failures_ > failures_before; });
  if (is_done()) return {};
  if (closing_) return failure(Errc::stopped, "snapshots are not sent any more");
  return tl::unexpected<Error>(*failed_);
}

// ---- sending

std::vector<SnapshotOutbox::Place> SnapshotOutbox::next_to_send(Lane& lane) {
  std::vector<Place> next;
  bool all_durable = true;  // of those before it
  for (auto place = lane.entries.begin(); place != lane.entries.end(); ++place) {
    if (lane.in_flight == options_.in_flight_max) break;
    if (place->state == State::waiting) {
      const bool is_partitions = partition_of_snapshot_key(place->key).has_value();
      if (is_partitions && !all_durable) break;
      place->state = State::in_flight;
      ++lane.in_flight;
      next.push_back(place);
    }
    all_durable = all_durable && place->state == State::appended;
  }
  return next;
}

void SnapshotOutbox::send() {
  std::vector<std::pair<Partition, Place>> next;
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    for (auto& [partition, lane] : lanes_)
      for (const Place place : next_to_send(lane)) next.emplace_back(partition, place);
  }
  for (const auto& [partition, place] : next) append(partition, place);
}

void SnapshotOutbox::append(Partition partition, Place place) {
  log_.append({Topic::snapshots, partition}, record_of(*place), executor_,
              [this, partition, place,
               alive = std::weak_ptr<bool>(alive_)](const Result<Offset>& appended) {
                if (!alive.expired()) on_appended(partition, place, appended);
              });
}

NewRecord SnapshotOutbox::record_of(const Entry& entry) {
  const Snapshot& snapshot = *entry.snapshot;
  std::string stored = compress(snapshot.bytes, options_.compression_level);
  const Hash hash = hash_of({entry.key, snapshot.order, snapshot.fold_version, stored, {}});
  return encode_snapshot_record({.id = random_.uuid().to_string(),
                                 .source = options_.source,
                                 .time = clock_.now(),
                                 .key = entry.key,
                                 .user = user_of_snapshot_key(entry.key),
                                 .log_id = log_id_,
                                 .order = snapshot.order,
                                 .fold_version = snapshot.fold_version,
                                 .zstd = std::move(stored),
                                 .sha256 = to_hex(hash)});
}

void SnapshotOutbox::on_appended(Partition partition, Place place, const Result<Offset>& appended) {
  {
    const std::lock_guard lock(mutex_);
    Lane& lane = lanes_.at(partition);
    --lane.in_flight;
    if (appended) {
      place->state = State::appended;
      ++appended_;
      failed_.reset();
      const auto unread = unread_.find(place->key);
      if (unread != unread_.end() && unread->second.order == place->snapshot->order)
        unread->second.offset = *appended;
      hand_over(lane);
    } else {
      if (!failed_) options_.warn("snapshots are not appended: " + appended.error().message);
      place->state = State::waiting;
      failed_ = appended.error();
      ++failures_;
    }
  }
  changed_.notify_all();
  if (!appended) return retry_later();
  send();
}

// In order, so that in the store too a partition's comes after all it relies on. Under mutex_.
void SnapshotOutbox::hand_over(Lane& lane) {
  while (!lane.entries.empty() && lane.entries.front().state == State::appended) {
    const Entry& first = lane.entries.front();
    if (const auto put = store_.put(first.key, *first.snapshot); !put) {
      failed_ = put.error();
      ++failures_;
      return retry_later();
    }
    bytes_ -= first.key.size() + first.snapshot->bytes.size();
    const auto known = newest_.find(first.key);
    if (known != newest_.end() && known->second == lane.entries.begin()) newest_.erase(known);
    lane.entries.pop_front();
  }
}

void SnapshotOutbox::retry_later() {
  if (retry_timer_ != TimerId::none) return;
  retry_timer_ = executor_.call_at(clock_.monotonic() + options_.retry_delay, [this] {
    retry_timer_ = TimerId::none;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [partition, lane] : lanes_) hand_over(lane);
    }
    changed_.notify_all();
    send();
  });
}

// ---- reading back

void SnapshotOutbox::note_read(const std::string& key, std::int64_t order, Offset offset) {
  const std::lock_guard lock(mutex_);
  const auto found = unread_.find(key);
  if (found == unread_.end()) return;
  const Unread& own = found->second;
  if (order >= own.order || (own.offset && offset >= *own.offset)) unread_.erase(found);
}

void SnapshotOutbox::note_read_to(Partition partition, Offset next) {
  const std::lock_guard lock(mutex_);
  std::erase_if(unread_, [&](const auto& entry) {
    const Unread& own = entry.second;
    return own.partition == partition && own.offset && *own.offset < next;
  });
}

bool SnapshotOutbox::is_unread(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return unread_.contains(key);
}

// ---- figures

std::size_t SnapshotOutbox::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::uint64_t SnapshotOutbox::appended() const {
  const std::lock_guard lock(mutex_);
  return appended_;
}

std::uint64_t SnapshotOutbox::puts_refused() const {
  const std::lock_guard lock(mutex_);
  return puts_refused_;
}

}  // namespace signalbox::event_store
