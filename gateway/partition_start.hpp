// PartitionStart: where a gateway begins to read one partition, found in the log alone.
#pragma once

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::gateway {

struct PartitionStart {
  event_store::Position events{};  // near the end, and one that can be trusted
  Offset events_end{0};            // what was there when it was asked ends here
  Offset progress_end{0};
  Offset inbound_end{0};
};

// A position near the end of events that can be trusted; where rows near the end are damaged: the
// beginning. Blocking; not for io threads. Errors: those of the log, but for corrupt.
[[nodiscard]] Result<event_store::Position> find_readable_start(event_store::EventLog& log,
                                                                Partition partition, Offset end);

}  // namespace signalbox::gateway
