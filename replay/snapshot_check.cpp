#include "replay/snapshot_check.hpp"

#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/snapshot/snapshot_reader.hpp"
#include "router/snapshot_codec.hpp"

namespace signalbox::replay {
namespace {

// Of a partition; a user's begins with `!` twice where it begins with it at all.
bool is_of_partition(std::string_view key) { return key.starts_with("!partition/"); }

// A file that is damaged as a whole is no reason to hold a sentence for each user.
constexpr std::size_t kNamedMax = 1000;

constexpr std::string_view kRemedy =
    "; it is a cache: where a router finds the same it folds the log again";

}  // namespace

SnapshotCheck::SnapshotCheck(const std::string& path, const event_store::LogDescription& log,
                             std::optional<UserId> user)
    : user_(std::move(user)) {
  auto snapshots = event_store::SnapshotReader::open(path, log.log_id);
  if (!snapshots) {
    if (snapshots.error().code != Errc::not_found)
      at_opening_.push_back({.kind = DamageKind::snapshot_unreadable,
                             .what = snapshots.error().message + std::string(kRemedy)});
    return;
  }
  const auto take = [&](std::string_view name, const Result<event_store::Snapshot>& snapshot) {
    const std::string key(name);
    if (!snapshot)
      return this->name(DamageKind::snapshot_unreadable, key, snapshot.error().message);
    if (snapshot->fold_version != router::kFoldVersion) return;
    if (is_of_partition(key))
      take_partition(key, snapshot->bytes, log);
    else
      take_user(key, snapshot->bytes, log);
  };
  if (user_) {
    const std::string key = router::user_snapshot_key(*user_);
    const auto found = snapshots->get(key);
    if (!found)
      take(key, tl::unexpected(found.error()));
    else if (*found)
      take(key, **found);
    return;
  }
  if (const auto read = snapshots->scan(take); !read)
    at_opening_.push_back({.kind = DamageKind::snapshot_unreadable,
                           .what = read.error().message + std::string(kRemedy)});
}

void SnapshotCheck::name(DamageKind kind, const std::string& key, const std::string& what) {
  if (at_opening_.size() >= kNamedMax) return;
  const std::string_view remedy = kind == DamageKind::snapshot_unreadable ? kRemedy : "";
  at_opening_.push_back(
      {.kind = kind, .what = "the snapshot of " + key + ": " + what + std::string(remedy)});
}

void SnapshotCheck::take_user(const std::string& key, const std::string& bytes,
                              const event_store::LogDescription& log) {
  const auto snapshot = router::decode_user_snapshot(bytes);
  if (!snapshot) return name(DamageKind::snapshot_unreadable, key, snapshot.error().message);
  const UserId& user = snapshot->state.user_id;
  if (snapshot->log_id != log.log_id || router::user_snapshot_key(user) != key ||
      snapshot->partition != event_store::partition_of(user, log.partitions))
    return name(DamageKind::snapshot_disagrees, key, "it is of another log, partition or user");
  ++compared_;
  const event_store::UserChain& chain = snapshot->state.chain;
  if (chain.seq == Seq(0)) return;
  users_.emplace(user.value(),
                 OfUser{snapshot->partition, chain.seq, chain.hash, snapshot->at.next_offset});
}

void SnapshotCheck::take_partition(const std::string& key, const std::string& bytes,
                                   const event_store::LogDescription& log) {
  const auto snapshot = router::decode_partition_snapshot(bytes);
  if (!snapshot) return name(DamageKind::snapshot_unreadable, key, snapshot.error().message);
  if (snapshot->log_id != log.log_id ||
      router::partition_snapshot_key(snapshot->partition) != key ||
      snapshot->partition.value() >= log.partitions)
    return name(DamageKind::snapshot_disagrees, key, "it is of another log or partition");
  ++compared_;
  partitions_.push_back({snapshot->partition, snapshot->at.next_offset});
}

void SnapshotCheck::on_valid(const SeenEvent& event, Findings& findings) {
  if (users_.empty()) return;
  const auto found = users_.find(*event.record.key);
  if (found == users_.end() || event.seq < found->second.seq || found->second.is_met) return;
  OfUser& snapshot = found->second;
  snapshot.is_met = true;
  if (event.seq > snapshot.seq) return;  // the log has lost the event: named where it should be
  const bool covers = event.record.offset < snapshot.next_offset;
  if (event.chain_hash == snapshot.chain_hash && covers) return;
  findings.add({.kind = DamageKind::snapshot_disagrees,
                .at = event.record.at,
                .offset = event.record.offset,
                .user = *event.record.key,
                .seq = event.seq,
                .what = (covers ? std::string("the snapshot of this user has another chain hash at "
                                              "this seq: it was folded from another history, or "
                                              "the history was rewritten since")
                                : "the snapshot of this user holds this event and says it holds "
                                  "only what is before offset " +
                                      std::to_string(snapshot.next_offset.value()))});
}

void SnapshotCheck::on_cut(const LogCut& cut) { cuts_.emplace(cut.at.partition, cut.first); }

// All it was folded from is gone.
bool SnapshotCheck::is_before_cut(const OfUser& snapshot) const {
  const auto cut = cuts_.find(snapshot.partition);
  return cut != cuts_.end() && snapshot.next_offset <= cut->second;
}

void SnapshotCheck::on_end(const std::vector<event_store::Position>& ends, Findings& findings) {
  for (Finding& finding : at_opening_) findings.add(std::move(finding));
  for (const auto& [user, snapshot] : users_)
    if (!snapshot.is_met && !is_before_cut(snapshot))
      findings.add({.kind = DamageKind::snapshot_ahead,
                    .user = user,
                    .seq = snapshot.seq,
                    .what = "the log has no valid event with the seq up to which this user's "
                            "snapshot goes: the newest events are gone, or the snapshot is "
                            "another copy's"});
  if (user_) return;  // then only his partition was read
  for (const OfPartition& one : partitions_)
    if (one.next_offset > ends[static_cast<std::size_t>(one.partition.value())].next_offset)
      findings.add({.kind = DamageKind::snapshot_ahead,
                    .at = TopicPartition{Topic::events, one.partition},
                    .offset = one.next_offset,
                    .what = "the snapshot of the partition goes up to this offset, which the log "
                            "has not reached"});
}

}  // namespace signalbox::replay
