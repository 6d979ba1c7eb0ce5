// Which partitions, as people write it: `0-5,9`. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace signalbox::event_store {

struct PartitionRange {
  std::int32_t first;
  std::int32_t last;
  friend bool operator==(const PartitionRange&, const PartitionRange&) = default;
};

// nullopt for anything else; every number is 0 or more and no range ends before it begins.
[[nodiscard]] std::optional<std::vector<PartitionRange>> parse_partition_ranges(
    std::string_view text);

}  // namespace signalbox::event_store
