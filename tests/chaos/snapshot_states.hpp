// SnapshotStates: all states in the snapshots of a run, held against what the product's own fold
// makes of the log (I15). Each must be the fold of everything before its position; a user's oldest
// one, folded on from there, must come to what the whole log gives, and so must the position of
// every partition's. One thread. Memory: all snapshots, and the states of one partition.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/snapshot/snapshot_store.hpp"
#include "router/snapshot_codec.hpp"

namespace signalbox::chaos {

struct StateCounts {
  std::int64_t user_states = 0;       // compared at their position
  std::int64_t partition_states = 0;  // likewise
  std::int64_t open_runs = 0;         // in those of users
  std::int64_t folded_on = 0;         // users, by a snapshot, to the end of the log, and compared
  std::int64_t differences = 0;
};

class SnapshotStates {
 public:
  explicit SnapshotStates(event_store::LogDescription log) : log_(std::move(log)) {}

  // Reads every snapshot of a file that nobody writes any more.
  void add_file(const std::string& path);
  // The events of the next partition, from 0 on, all there are.
  void fold(const std::vector<RecordPtr>& events);

  [[nodiscard]] const StateCounts& counts() const { return counts_; }
  // The first ones, a sentence each, by file, user and what differs.
  [[nodiscard]] const std::vector<std::string>& differences() const { return differences_; }

 private:
  friend class PartitionFold;
  // Snapshots of users in a file, by user: what a partition's snapshot of the same file relies on.
  using File = std::unordered_map<UserId, Seq>;
  struct OfUser {
    std::string file;
    router::UserSnapshot snapshot;
  };
  struct OfPartition {
    std::string file;
    router::PartitionSnapshot snapshot;
  };
  struct AtOffset {
    std::vector<OfUser> users;
    std::vector<OfPartition> partitions;
  };
  using ByOffset = std::map<Offset, AtOffset>;

  void take(const std::string& file, const std::string& key,
            const Result<event_store::Snapshot>& stored);
  void take_user(const std::string& file, const std::string& key,
                 const event_store::Snapshot& stored);
  void take_partition(const std::string& file, const std::string& key,
                      const event_store::Snapshot& stored);
  void differ(const std::string& file, const std::string& whose, const std::string& what);

  const event_store::LogDescription log_;
  std::map<std::string, File> files_;
  std::map<Partition, ByOffset> snapshots_;
  Partition next_{0};
  StateCounts counts_;
  std::vector<std::string> differences_;
};

}  // namespace signalbox::chaos
