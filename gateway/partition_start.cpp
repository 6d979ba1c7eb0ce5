#include "gateway/partition_start.hpp"

#include "event-store/log/partition_reader.hpp"

namespace signalbox::gateway {

Result<PartitionStart> find_partition_start(event_store::EventLog& log, Partition partition) {
  const auto bounds = log.bounds({Topic::events, partition});
  if (!bounds) return tl::unexpected(bounds.error());
  auto events = event_store::find_start_position(log, partition, bounds->end);
  // A row that is not what was written stops its partition alone, which is then read from its
  // beginning up to that row: from there on the feed tells about it and tries again.
  if (!events && events.error().code == Errc::corrupt) events = event_store::Position{};
  if (!events) return tl::unexpected(events.error());
  const auto progress = log.bounds({Topic::progress, partition});
  if (!progress) return tl::unexpected(progress.error());
  const auto inbound = log.bounds({Topic::inbound, partition});
  if (!inbound) return tl::unexpected(inbound.error());
  return PartitionStart{*events, bounds->end, progress->end, inbound->end};
}

}  // namespace signalbox::gateway
