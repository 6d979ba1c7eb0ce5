#include "gateway/partition_start.hpp"

#include "event-store/log/partition_reader.hpp"

namespace signalbox::gateway {

Result<event_store::Position> find_readable_start(event_store::EventLog& log, Partition partition,
                                                  Offset end) {
  auto found = event_store::find_start_position(log, partition, end);
  // A row that is not what was written stops its partition alone, which is then read from its
  // beginning up to that row: from there on the feed tells about it and tries again.
  if (!found && found.error().code == Errc::corrupt) return event_store::Position{};
  return found;
}

}  // namespace signalbox::gateway
