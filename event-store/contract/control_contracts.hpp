// The data of every control record, described (contract 8).
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/model/control.hpp"

namespace signalbox::event_store {

inline constexpr std::array<std::string_view, 1> kPartitioners = {"murmur2-java"};

struct FirstControl {
  static constexpr ContractKind kind = ContractKind::control;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<LogGenesis> : FirstControl {
  static constexpr std::string_view name = "log_genesis";
  static constexpr std::string_view about =
      "What is fixed for the life of a log; counts at offset 0 only.";
  static constexpr auto fields =
      std::tuple(field("log_id", &LogGenesis::log_id),
                 field("partitions", &LogGenesis::partitions, {.smallest = 1, .largest = 65535}),
                 field("partitioner", &LogGenesis::partitioner, {.one_of = kPartitioners}));
};

template <>
struct Contract<PartitionOwned> : FirstControl {
  static constexpr std::string_view name = "partition_owned";
  static constexpr std::string_view about = "Claims a partition; a higher epoch fences all lower.";
  static constexpr auto fields = std::tuple(
      field("log_id", &PartitionOwned::log_id), field("epoch", &PartitionOwned::epoch),
      field("claim_id", &PartitionOwned::claim_id), field("router_id", &PartitionOwned::router_id),
      field("inbound_next", &PartitionOwned::inbound_next));
};

template <>
struct Contract<FoldPoint> {
  static constexpr auto fields =
      std::tuple(field("offset", &FoldPoint::offset), field("epoch", &FoldPoint::epoch),
                 field("claim_id", &FoldPoint::claim_id), field("ownerseq", &FoldPoint::owner_seq),
                 field("inbound_next", &FoldPoint::inbound_next));
};

template <>
struct Contract<Trying> {
  static constexpr auto fields =
      std::tuple(field("offset", &Trying::offset),
                 field("count", &Trying::count, {.smallest = 1, .largest = 2147483647}));
};

template <>
struct Contract<PartitionCheckpoint> : FirstControl {
  static constexpr std::string_view name = "partition_checkpoint";
  static constexpr std::string_view about = "Where the owner stands in inbound and in events.";
  static constexpr auto fields = std::tuple(
      field("log_id", &PartitionCheckpoint::log_id), field("epoch", &PartitionCheckpoint::epoch),
      field("claim_id", &PartitionCheckpoint::claim_id),
      field("inbound_next", &PartitionCheckpoint::inbound_next),
      field("fold_at", &PartitionCheckpoint::fold_at),
      field("trying", &PartitionCheckpoint::trying));
};

template <>
struct Contract<PartitionReleased> : FirstControl {
  static constexpr std::string_view name = "partition_released";
  static constexpr std::string_view about = "A hint: the owner will write nothing more.";
  static constexpr auto fields = std::tuple(field("epoch", &PartitionReleased::epoch),
                                            field("claim_id", &PartitionReleased::claim_id));
};

}  // namespace signalbox::event_store
