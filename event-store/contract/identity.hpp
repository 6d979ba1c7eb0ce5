// How our ids are computed (contract 1, 6). Worked examples: tests/contract/contract-vectors.json.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// UUID version 5 in our namespace over lp(part) for every part.
[[nodiscard]] Uuid uuid5(std::initializer_list<std::string_view> parts);

// The Java client's default partitioner: (murmur2(key) & 0x7fffffff) % partitions.
[[nodiscard]] Partition partition_of(const UserId& user, std::int32_t partitions);
[[nodiscard]] Partition partition_of_key(std::string_view key, std::int32_t partitions);

[[nodiscard]] RunId run_id_of(const UserId& user, const MessageId& message);
[[nodiscard]] EventId event_id_of(const LogId& log, Partition partition, Epoch epoch,
                                  const UserId& user, Seq seq);
[[nodiscard]] CallId call_id_of(const RunId& run, Step step);
// Uses the topic's full name with the default prefix, `signalbox.<topic>`.
[[nodiscard]] Uuid quarantine_id_of(const TopicPartition& at, Offset offset);

}  // namespace signalbox::event_store
