// Control records of the topic events: who may write a partition (contract 8, reference: the
// ownership rules in ops/decisions/0015). They have no key, no ce_ownerseq and belong to no user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox {

// Counts at offset 0 only.
struct LogGenesis {
  LogId log_id;
  std::int32_t partitions;
  std::string partitioner;  // "murmur2-java"
  friend bool operator==(const LogGenesis&, const LogGenesis&) = default;
};

struct PartitionOwned {
  LogId log_id;
  Epoch epoch;
  ClaimId claim_id;       // random, new for every attempt to claim
  std::string router_id;  // for people
  Offset inbound_next;    // resume point as read back, never as proposed
  friend bool operator==(const PartitionOwned&, const PartitionOwned&) = default;
};

// A fact about a prefix of the partition, usable by any reader, whoever wrote it and however late.
struct FoldPoint {
  Offset offset;  // next offset to read
  Epoch epoch;
  ClaimId claim_id;
  OwnerSeq owner_seq;
  Offset inbound_next;
  friend bool operator==(const FoldPoint&, const FoldPoint&) = default;
};

struct Trying {
  Offset offset;
  std::int32_t count;
  friend bool operator==(const Trying&, const Trying&) = default;
};

struct PartitionCheckpoint {
  LogId log_id;
  Epoch epoch;
  ClaimId claim_id;
  Offset inbound_next;
  FoldPoint fold_at;
  std::optional<Trying> trying;
  friend bool operator==(const PartitionCheckpoint&, const PartitionCheckpoint&) = default;
};

struct PartitionReleased {
  Epoch epoch;
  ClaimId claim_id;
  friend bool operator==(const PartitionReleased&, const PartitionReleased&) = default;
};

using ControlData =
    std::variant<LogGenesis, PartitionOwned, PartitionCheckpoint, PartitionReleased>;

struct ControlRecord {
  std::string id;  // ce_id: random UUID
  std::string source;
  Timestamp time;
  ControlData data;
};

}  // namespace signalbox
