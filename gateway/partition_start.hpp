// PartitionStart: where a gateway begins to read one partition, found in the log alone.
#pragma once

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::gateway {

struct PartitionStart {
  event_store::Position events;  // near the end, and one that can be trusted
  Offset events_end;             // what was there when it was asked ends here
  Offset progress_end;
  Offset inbound_end;
};

// Where rows near the end of events are damaged: the beginning. Blocking; not for io threads.
// Errors: those of the log, but for corrupt.
[[nodiscard]] Result<PartitionStart> find_partition_start(event_store::EventLog& log,
                                                          Partition partition);

}  // namespace signalbox::gateway
