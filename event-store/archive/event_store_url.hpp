// EventStoreUrl: where an event store answers, and for which partitions (they take them statically,
// contract 13): `http://10.0.0.7:8081`, or `https://store-1:8081#0-5,9` for some. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event-store/archive/partition_ranges.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct EventStoreUrl {
  std::string base;                      // without a slash at its end
  std::vector<PartitionRange> ranges{};  // empty: every partition

  [[nodiscard]] bool serves(Partition partition) const;
};

// Errors: bad_config.
[[nodiscard]] Result<EventStoreUrl> parse_event_store_url(std::string_view text);

}  // namespace signalbox::event_store
