#include "router/user_states.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "router/stored_texts.hpp"
#include "router/user_fold.hpp"

namespace signalbox::router {

using event_store::start_of_chain;

namespace {

// With more users busy than may be held, an event must not cost a look at each of them.
constexpr std::size_t kStayingPerEvent = 16;

}  // namespace

std::optional<UserId> user_of(const Record& event) {
  if (!event.key || !is_opaque_id(*event.key)) return std::nullopt;
  return UserId(*event.key);
}

UserStates::UserStates(event_store::EventLog& log, event_store::SnapshotStore& snapshots,
                       const Clock& clock, LogId log_id, Partition partition, Offset fold_from,
                       RoutingLimits limits, UserStatesOptions options,
                       UserStatesCounters& counters)
    : log_(log),
      snapshots_(snapshots),
      clock_(clock),
      log_id_(log_id),
      partition_(partition),
      fold_from_(fold_from),
      limits_(limits),
      options_(options),
      counters_(counters) {}

UserStates::Held* UserStates::find(const UserId& user) {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found->second;
}

Result<UserStates::Held*> UserStates::acquire(const UserId& user) {
  if (Held* held = find(user)) {
    touch(*held);
    return held;
  }
  if (unfolded_.contains(user)) return nullptr;
  return load(user);
}

Result<UserStates::Held*> UserStates::load(const UserId& user) {
  texts_wanted_.clear();
  auto stored = snapshots_.get(user_snapshot_key(user));
  // Whoever has events before `fold_from` was given a snapshot, and the store knows of every one.
  if (stored && !*stored) return insert(RoutingState(user, start_of_chain(log_id_, user)));
  const auto refuse = [&](std::string_view why) -> Held* {
    ++counters_.snapshots_refused;
    snapshots_.refuse(user_snapshot_key(user));
    // After a change of the fold it is so of every user there is.
    const bool is_known = std::exchange(refused_because_, why) == why;
    spdlog::log(is_known ? spdlog::level::debug : spdlog::level::warn,
                "the snapshot of a user of partition {} is not used: {}", partition_.value(), why);
    mark_unfolded(user);
    return nullptr;
  };
  if (!stored) return refuse(stored.error().message);
  if ((*stored)->fold_version != kFoldVersion) return refuse("it has another fold version");
  auto snapshot = decode_user_snapshot((*stored)->bytes);
  if (!snapshot) return refuse(snapshot.error().message);
  if (snapshot->log_id != log_id_ || snapshot->partition != partition_ ||
      snapshot->state.user_id != user)
    return refuse("it is of another log, partition or user");
  const auto is_within = is_within_log(snapshot->at.next_offset);
  if (!is_within) return tl::unexpected(is_within.error());
  if (!*is_within) return refuse("it is ahead of the log");
  const auto is_whole = refill(snapshot->state);
  if (!is_whole) return tl::unexpected(is_whole.error());
  if (!*is_whole) return refuse("the log no longer has a text it refers to");
  Held* held = insert(std::move(snapshot->state));
  held->covered_to = snapshot->at.next_offset;
  return held;
}

UserStates::Held* UserStates::insert(RoutingState state) {
  const UserId user = state.user_id;
  const auto [entry, is_new] = users_.emplace(user, Held(std::move(state)));
  SIGNALBOX_ASSERT(is_new);
  entry->second.used = by_use_.insert(by_use_.end(), user);
  return &entry->second;
}

void UserStates::touch(Held& held) { by_use_.splice(by_use_.end(), by_use_, held.used); }

// Without his name: nothing of a user goes into a line of the log.
void UserStates::report_damage(Offset at, const std::string& what) {
  ++counters_.users_damaged;
  spdlog::error("the history of a user of partition {} is damaged at offset {}: {}",
                partition_.value(), at.value(), what);
}

void UserStates::adopt(RoutingState rebuilt, const std::optional<std::string>& damage,
                       const FoldState& now) {
  unfolded_.erase(rebuilt.user_id);
  if (damage) report_damage(rebuilt.damaged_at.value(), *damage);
  Held* held = insert(std::move(rebuilt));
  held->chain_checked = true;
  if (unfolded_.empty()) dropped_users_ = false;
  // At once: until it is there, nothing that relies on this user's snapshot may be written. Without
  // it all of his history is needed.
  if (!write_snapshot(*held, now)) held->dirty_since = FoldState{};
}

void UserStates::mark_unfolded(const UserId& user) {
  if (Held* held = find(user)) {
    by_use_.erase(held->used);
    users_.erase(user);
  }
  unfolded_.insert(user);
}

// His snapshot is not needed where his whole history comes by: so a change of the fold costs the
// one pass over the partition that is on anyhow.
Result<UserStates::Held*> UserStates::acquire_for(const UserId& user, const Record& event) {
  const bool is_behind = unfolded_.contains(user);
  auto held = acquire(user);
  if (!held) return held;
  const bool is_first = event_store::header_number(event, "ce_userseq") == 1;
  if (*held != nullptr || is_behind || !is_first || fold_from_ > Offset(0)) return held;
  unfolded_.erase(user);
  return insert(RoutingState(user, start_of_chain(log_id_, user)));
}

// A log that was restored from an older copy ends before what a snapshot of its later life holds.
Result<bool> UserStates::is_within_log(Offset next_offset) {
  if (next_offset <= known_end_) return true;
  if (next_offset <= judged_to_) return false;
  snapshots_to_ = std::max(snapshots_to_, next_offset);
  return failure(Errc::unavailable, "the log was not asked yet whether it reaches to offset " +
                                        std::to_string(next_offset.value()));
}

// The thread of all partitions does not wait for a broker: what is lacking is asked for.
Result<bool> UserStates::refill(RoutingState& state) {
  const auto texts = std::exchange(texts_, {});
  auto places = places_of_texts(state);
  if (!std::ranges::all_of(places, [&](Offset place) { return texts.contains(place); })) {
    texts_wanted_ = std::move(places);
    return failure(Errc::unavailable, "the log was not asked yet for the texts of a snapshot");
  }
  return load_texts(state, [&texts](Offset place) { return texts.at(place); });
}

void UserStates::note_texts(const std::vector<Offset>& places,
                            const std::vector<RecordPtr>& records) {
  SIGNALBOX_ASSERT(records.size() == places.size());
  texts_.clear();
  for (std::size_t i = 0; i < records.size(); ++i) texts_.emplace(places[i], records[i]);
}

Result<void> UserStates::fold(const Record& record, const FoldState& before,
                              const FoldState& after) {
  const auto user = user_of(record);
  if (!user) return {};
  const auto acquired = acquire_for(*user, record);
  if (!acquired) return tl::unexpected(acquired.error());
  Held* const held = *acquired;
  if (held == nullptr || record.offset < held->covered_to) return {};
  const auto folded = fold_event(held->state, record, limits_);
  if (!folded) return tl::unexpected(folded.error());
  const bool from_snapshot = held->covered_to > Offset(0) || fold_from_ > Offset(0);
  if (folded->is_chain_broken && from_snapshot && !held->chain_checked) {
    // The snapshot, or its absence, may be what is wrong: damage is judged against folded events
    // only.
    ++counters_.snapshots_refused;
    snapshots_.refuse(user_snapshot_key(*user));
    mark_unfolded(*user);
    return {};
  }
  held->chain_checked = true;
  if (folded->damage) report_damage(record.offset, *folded->damage);
  if (!held->dirty_since) held->dirty_since = before;
  ++held->events_since_snapshot;
  held->last_event = clock_.monotonic();
  if (users_.size() > options_.users_max) evict(after, kStayingPerEvent);
  return {};
}

void UserStates::confirm(const Event& event, const FoldState& before, const FoldState& after,
                         Offset offset) {
  Held* held = find(event.user_id);
  SIGNALBOX_ASSERT(held != nullptr && held->open_events > 0);
  --held->open_events;
  if (event.run_id) note_offset(held->state, *event.run_id, event.seq, offset);
  if (!held->dirty_since) held->dirty_since = before;
  ++held->events_since_snapshot;
  held->last_event = clock_.monotonic();
  if ((held->events_since_snapshot >= options_.snapshot_events || held->in_the_way > 0) &&
      held->open_events == 0)
    write_snapshot(*held, after);
  if (users_.size() > options_.users_max) evict(after, kStayingPerEvent);
}

bool UserStates::write_snapshot(Held& held, const FoldState& now) {
  SIGNALBOX_ASSERT(held.open_events == 0);
  if (held.too_large_at == held.state.chain.seq) return false;
  held.events_since_snapshot = 0;
  held.in_the_way = 0;
  const UserSnapshot snapshot{
      .log_id = log_id_, .partition = partition_, .at = now.position, .state = held.state};
  std::string bytes = encode_user_snapshot(snapshot);
  if (bytes.size() > options_.snapshot_bytes_max)
    bytes = encode_user_snapshot(snapshot, kSnapshotTextBytesMin);
  if (bytes.size() > options_.snapshot_bytes_max) {
    note_too_large(held, bytes.size());
    return false;
  }
  if (!give_to_store(user_snapshot_key(held.state.user_id), held.state.chain.seq.value(),
                     std::move(bytes)))
    return false;
  held.covered_to = now.position.next_offset;
  held.dirty_since.reset();
  held.too_large_at.reset();
  return true;
}

bool UserStates::give_to_store(const std::string& key, std::int64_t order, std::string bytes) {
  const auto put = snapshots_.put(
      key, {.order = order, .fold_version = kFoldVersion, .bytes = std::move(bytes)});
  if (!put && store_takes_)
    spdlog::warn("partition {} goes on without new snapshots: {}", partition_.value(),
                 put.error().message);
  store_takes_ = put.has_value();
  ++(store_takes_ ? counters_.snapshots_written : counters_.snapshots_dropped);
  return store_takes_;
}

void UserStates::note_too_large(Held& held, std::size_t bytes) {
  ++counters_.snapshots_too_large;
  if (!std::exchange(held.too_large_at, held.state.chain.seq))
    spdlog::warn(
        "a user of partition {} has no snapshot: it would have {} bytes, and at most {} may",
        partition_.value(), bytes, options_.snapshot_bytes_max);
}

void UserStates::tick(const FoldState& now) {
  const MonotonicTime quiet_since = clock_.monotonic() - options_.snapshot_idle;
  for (auto& [user, held] : users_)
    if (held.dirty_since && held.open_events == 0 && held.last_event <= quiet_since)
      if (!write_snapshot(held, now) && !store_takes_) break;  // nor would it take another one
  if (users_.size() > options_.users_max) evict(now, users_.size());
}

bool UserStates::snapshot_partition(const FoldState& now) {
  must_rest_ = false;
  // What was found to be wrong with their snapshots would not be found again from a later X.
  if (!unfolded_.empty()) return false;
  const FoldState* oldest = &now;
  bool is_taken = true;
  for (auto& [user, held] : users_) {
    if (held.dirty_since && held.open_events == 0 && is_taken)
      is_taken = write_snapshot(held, now) || store_takes_;
    held.in_the_way = held.dirty_since ? held.in_the_way + 1 : 0;
    must_rest_ = must_rest_ || (held.open_events > 0 && held.in_the_way >= options_.in_the_way_max);
    if (held.dirty_since && held.dirty_since->position.next_offset < oldest->position.next_offset)
      oldest = &*held.dirty_since;
  }
  auto open_users = busy_users();
  std::size_t ids_bytes = 0;
  for (const UserId& user : open_users) ids_bytes += user.value().size();
  const bool fit = ids_bytes <= options_.open_users_bytes_max;
  if (!fit) {
    ++counters_.snapshots_too_large;
    if (std::exchange(open_users_fit_, fit))
      spdlog::warn("partition {} keeps its older snapshot: {} users have open runs",
                   partition_.value(), open_users.size());
    return false;
  }
  open_users_fit_ = fit;
  return give_to_store(partition_snapshot_key(partition_), oldest->position.next_offset.value(),
                       encode_partition_snapshot({.log_id = log_id_,
                                                  .partition = partition_,
                                                  .at = oldest->position,
                                                  .inbound = oldest->inbound,
                                                  .open_users = std::move(open_users)}));
}

std::vector<UserId> UserStates::busy_users() const {
  std::vector<UserId> busy;
  for (const auto& [user, held] : users_)
    if (!held.state.runs.empty() || held.open_events > 0) busy.push_back(user);
  busy.insert(busy.end(), unfolded_.begin(), unfolded_.end());
  return busy;
}

std::vector<UserId> UserStates::unfolded_users(std::size_t users_max, const UserId* first) const {
  std::vector<UserId> users;
  if (first != nullptr && unfolded_.contains(*first)) users.push_back(*first);
  for (auto it = unfolded_.begin(); it != unfolded_.end() && users.size() < users_max; ++it)
    if (first == nullptr || *it != *first) users.push_back(*it);
  return users;
}

void UserStates::evict(const FoldState& now, std::size_t staying_max) {
  while (users_.size() > options_.users_max) {
    Held& held = users_.at(by_use_.front());
    if (held.open_events > 0 || !held.state.runs.empty()) {
      if (staying_max == 0) return;
      --staying_max;
      touch(held);
      continue;
    }
    const bool is_kept = !held.dirty_since || write_snapshot(held, now);
    const UserId user = by_use_.front();
    if (is_kept) {
      by_use_.erase(held.used);
      users_.erase(user);
    } else {
      // The log has him; memory has a limit whatever the store can take.
      dropped_users_ = dropped_users_ || !store_takes_;
      mark_unfolded(user);
    }
    ++counters_.evictions;
  }
}

}  // namespace signalbox::router
