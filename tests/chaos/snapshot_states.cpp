#include "tests/chaos/snapshot_states.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/snapshot/snapshot_reader.hpp"
#include "router/stored_texts.hpp"
#include "router/user_fold.hpp"
#include "router/user_states.hpp"

namespace signalbox::chaos {

using event_store::Snapshot;
using router::FoldState;
using router::RoutingState;
using router::UserSnapshot;

namespace {

constexpr std::size_t kToldMax = 20;
constexpr std::size_t kPathsMax = 3;
constexpr std::size_t kValueBytesMax = 100;

// What stands in one and not in the other.
std::string paths_between(const std::string& found, const std::string& folded) {
  const auto right = nlohmann::json::parse(folded);
  const auto wrong = nlohmann::json::parse(found);
  const auto patch = nlohmann::json::diff(wrong, right);
  std::string text;
  for (std::size_t i = 0; i < std::min(patch.size(), kPathsMax); ++i) {
    const auto path = patch[i].at("path").get<std::string>();
    const auto shown = [&](const nlohmann::json& in) {
      const nlohmann::json::json_pointer at(path);
      return in.contains(at) ? in.at(at).dump().substr(0, kValueBytesMax) : "nothing";
    };
    text +=
        (i > 0 ? ", " : "") + path + " is " + shown(wrong) + " where the fold has " + shown(right);
  }
  if (text.empty()) return "they differ in nothing that is written down";
  return text + (patch.size() > kPathsMax ? ", and more" : "");
}

std::string at_offset(Offset offset) { return "at offset " + std::to_string(offset.value()); }

}  // namespace

// ---- snapshots

void SnapshotStates::differ(const std::string& file, const std::string& whose,
                            const std::string& what) {
  ++counts_.differences;
  if (differences_.size() < kToldMax) differences_.push_back(file + ", " + whose + ": " + what);
}

void SnapshotStates::add_file(const std::string& path) {
  files_[path];
  auto snapshots = event_store::SnapshotReader::open(path, log_.log_id);
  if (!snapshots) return differ(path, "the file", snapshots.error().message);
  const auto read =
      snapshots->scan([&](std::string_view key, const Result<event_store::Snapshot>& stored) {
        take(path, std::string(key), stored);
      });
  if (!read) differ(path, "the file", read.error().message);
}

void SnapshotStates::take(const std::string& file, const std::string& key,
                          const Result<Snapshot>& stored) {
  if (!stored) return differ(file, key, stored.error().message);
  if (stored->fold_version != router::kFoldVersion)
    return differ(file, key, "it is of fold version " + std::to_string(stored->fold_version));
  if (event_store::partition_of_snapshot_key(key))
    take_partition(file, key, *stored);
  else
    take_user(file, key, *stored);
}

void SnapshotStates::take_user(const std::string& file, const std::string& key,
                               const Snapshot& stored) {
  auto snapshot = router::decode_user_snapshot(stored.bytes);
  if (!snapshot) return differ(file, key, snapshot.error().message);
  const UserId& user = snapshot->state.user_id;
  if (snapshot->log_id != log_.log_id || router::user_snapshot_key(user) != key ||
      snapshot->partition != event_store::partition_of(user, log_.partitions))
    return differ(file, key, "it is of another log, partition or user");
  if (stored.order != snapshot->state.chain.seq.value())
    return differ(file, key, "it is kept as of seq " + std::to_string(stored.order));
  files_[file].emplace(user, snapshot->state.chain.seq);
  AtOffset& place = snapshots_[snapshot->partition][snapshot->at.next_offset];
  place.users.push_back({file, std::move(*snapshot)});
}

void SnapshotStates::take_partition(const std::string& file, const std::string& key,
                                    const Snapshot& stored) {
  auto snapshot = router::decode_partition_snapshot(stored.bytes);
  if (!snapshot) return differ(file, key, snapshot.error().message);
  if (snapshot->log_id != log_.log_id || snapshot->partition.value() >= log_.partitions ||
      router::partition_snapshot_key(snapshot->partition) != key)
    return differ(file, key, "it is of another log or partition");
  if (stored.order != snapshot->at.next_offset.value())
    return differ(file, key, "it is kept as of offset " + std::to_string(stored.order));
  AtOffset& place = snapshots_[snapshot->partition][snapshot->at.next_offset];
  place.partitions.push_back({file, std::move(*snapshot)});
}

// ---- the log

// One pass over the events of a partition: every state as it stands there, and beside them those
// that were begun with a snapshot.
class PartitionFold {
 public:
  PartitionFold(SnapshotStates& to, Partition partition, std::span<const RecordPtr> events)
      : to_(to), partition_(partition), events_(events), due_(to.snapshots_[partition]) {}

  void run() {
    compare_due();
    for (const RecordPtr& record : events_) {
      const auto verdict = fold_position(now_, *record);
      for (FromPartition& begun : from_partitions_) fold_position(begun.now, *record);
      if (verdict == event_store::Verdict::valid) fold_user(*record);
      compare_due();
    }
    for (const auto& [offset, place] : due_) {
      const std::string what = "the log has no record that ends " + at_offset(offset);
      for (const auto& one : place.users) to_.differ(one.file, name_of(one.snapshot), what);
      for (const auto& one : place.partitions) to_.differ(one.file, name_of(one.snapshot), what);
    }
    compare_ends();
  }

 private:
  struct FromUser {
    std::string file;
    Offset at;
    RoutingState state;
  };
  struct FromPartition {
    std::string file;
    Offset at;
    FoldState now;
    std::set<UserId>
        missing;  // had open runs there, is not on the list, and nothing happened since
  };

  static std::string name_of(const UserSnapshot& snapshot) {
    return "user " + snapshot.state.user_id.value() + " " + at_offset(snapshot.at.next_offset);
  }
  static std::string name_of(const router::PartitionSnapshot& snapshot) {
    return "partition " + std::to_string(snapshot.partition.value()) + " " +
           at_offset(snapshot.at.next_offset);
  }

  static event_store::Verdict fold_position(FoldState& now, const Record& record) {
    const auto judged = event_store::fold(now.position, record);
    event_store::fold_resume(now.inbound, now.position, judged, record);
    return judged.verdict;
  }

  RoutingState& state_of(const UserId& user) {
    const auto found = users_.find(user);
    if (found != users_.end()) return found->second;
    return users_
        .emplace(user, RoutingState(user, event_store::start_of_chain(to_.log_.log_id, user)))
        .first->second;
  }

  void fold_user(const Record& record) {
    const auto user = router::user_of(record);
    if (!user) return;
    const auto folded = router::fold_event(state_of(*user), record, {});
    if (!folded) to_.differ("the log", at_offset(record.offset), folded.error().message);
    if (const auto begun = from_users_.find(*user); begun != from_users_.end())
      std::ignore = router::fold_event(begun->second.state, record, {});  // with the same answer
    for (FromPartition& begun : from_partitions_) begun.missing.erase(*user);
  }

  void compare_due() {
    const auto due = due_.find(now_.position.next_offset);
    if (due == due_.end()) return;
    for (auto& one : due->second.users) compare_user(std::move(one));
    for (auto& one : due->second.partitions) compare_partition(one);
    due_.erase(due);
  }

  [[nodiscard]] RecordPtr record_at(Offset offset) const {
    const auto found = std::ranges::lower_bound(
        events_, offset, {}, [](const RecordPtr& record) { return record->offset; });
    return found != events_.end() ? *found : nullptr;
  }

  [[nodiscard]] std::string encoded(const event_store::Position& at,
                                    const RoutingState& state) const {
    return router::encode_user_snapshot(
        {.log_id = to_.log_.log_id, .partition = partition_, .at = at, .state = state},
        std::numeric_limits<std::size_t>::max());
  }

  void compare_user(SnapshotStates::OfUser one) {
    UserSnapshot& snapshot = one.snapshot;
    ++to_.counts_.user_states;
    to_.counts_.open_runs += static_cast<std::int64_t>(snapshot.state.runs.size());
    if (!router::load_texts(snapshot.state, [this](Offset at) { return record_at(at); }))
      return to_.differ(one.file, name_of(snapshot), "the log lacks a text that it left there");
    const RoutingState& folded = state_of(snapshot.state.user_id);
    if (snapshot.at != now_.position || snapshot.state != folded)
      to_.differ(
          one.file, name_of(snapshot),
          paths_between(encoded(snapshot.at, snapshot.state), encoded(now_.position, folded)));
    const UserId user = snapshot.state.user_id;
    from_users_.try_emplace(
        user, FromUser{std::move(one.file), snapshot.at.next_offset, std::move(snapshot.state)});
  }

  void compare_partition(const SnapshotStates::OfPartition& one) {
    ++to_.counts_.partition_states;
    const router::PartitionSnapshot& snapshot = one.snapshot;
    if (snapshot.at != now_.position || snapshot.inbound != now_.inbound) {
      router::PartitionSnapshot folded = snapshot;
      folded.at = now_.position;
      folded.inbound = now_.inbound;
      to_.differ(one.file, name_of(snapshot),
                 paths_between(router::encode_partition_snapshot(snapshot),
                               router::encode_partition_snapshot(folded)));
    }
    FromPartition begun{one.file, snapshot.at.next_offset, {snapshot.at, snapshot.inbound}, {}};
    const SnapshotStates::File& kept = to_.files_.at(one.file);
    for (const auto& [user, state] : users_) {
      const auto his = kept.find(user);
      if (his == kept.end() || his->second < state.chain.seq)
        to_.differ(one.file, name_of(snapshot),
                   "no snapshot holds all of user " + user.value() + " before it");
      if (!state.runs.empty()) begun.missing.insert(user);
    }
    for (const UserId& user : snapshot.open_users) begun.missing.erase(user);
    from_partitions_.push_back(std::move(begun));
  }

  void compare_ends() {
    for (const auto& [user, begun] : from_users_) {
      ++to_.counts_.folded_on;
      if (begun.state != state_of(user))
        to_.differ(
            begun.file,
            "user " + user.value() + " folded on from offset " + std::to_string(begun.at.value()),
            paths_between(encoded(now_.position, begun.state),
                          encoded(now_.position, state_of(user))));
    }
    for (const FromPartition& begun : from_partitions_) {
      const std::string whose =
          "partition " + std::to_string(partition_.value()) + " " + at_offset(begun.at);
      if (begun.now.position != now_.position || begun.now.inbound != now_.inbound)
        to_.differ(begun.file, whose, "folded on, it comes to another position than the log has");
      for (const UserId& user : begun.missing)
        to_.differ(begun.file, whose,
                   "user " + user.value() + " had open runs and is not on its list");
    }
  }

  SnapshotStates& to_;
  const Partition partition_;
  const std::span<const RecordPtr> events_;
  SnapshotStates::ByOffset& due_;
  FoldState now_{};
  std::unordered_map<UserId, RoutingState> users_;
  std::unordered_map<UserId, FromUser> from_users_;  // by the oldest of his snapshots
  std::vector<FromPartition> from_partitions_;
};

void SnapshotStates::fold(const std::vector<RecordPtr>& events) {
  PartitionFold(*this, next_, events).run();
  next_ = Partition(next_.value() + 1);
}

}  // namespace signalbox::chaos
