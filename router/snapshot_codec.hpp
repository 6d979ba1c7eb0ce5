// Snapshots as bytes (contract 9): JSON, so that a person can read one. They hold read-back state
// only and are a cache: whatever does not decode, or is of another log, partition or fold version,
// is ignored by the caller and folded anew. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/result.hpp"
#include "event-store/snapshot/snapshot_key.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

using event_store::partition_snapshot_key;
using event_store::user_snapshot_key;

// Texts longer than this are left in the log and named by their offset; of a user who would be too
// large that way, those longer than the second.
inline constexpr std::size_t kSnapshotTextBytesMax = 1024;
inline constexpr std::size_t kSnapshotTextBytesMin = 64;

struct UserSnapshot {
  LogId log_id;
  Partition partition;
  event_store::Position at;  // the state is the fold of all before at.next_offset
  RoutingState state;
};
[[nodiscard]] std::string encode_user_snapshot(const UserSnapshot& snapshot,
                                               std::size_t text_bytes_max = kSnapshotTextBytesMax);
[[nodiscard]] Result<UserSnapshot> decode_user_snapshot(std::string_view bytes);

struct PartitionSnapshot {
  LogId log_id;
  Partition partition;
  event_store::Position at;  // X: every user with events before it has a snapshot covering them
  event_store::InboundResume inbound;  // as of X
  std::vector<UserId> open_users;      // with open or queued runs at X
};
[[nodiscard]] std::string encode_partition_snapshot(const PartitionSnapshot& snapshot);
[[nodiscard]] Result<PartitionSnapshot> decode_partition_snapshot(std::string_view bytes);

}  // namespace signalbox::router
