// log_scan: finds one user's valid events in the log itself, where neither window nor archive has
// them. Blocking; for a helper thread, never an io thread.
#pragma once

#include <optional>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::gateway {

struct LogScan {
  Partition partition;
  event_store::Position from;
  bool from_is_proven;  // else it is held against the log's own before anything is looked for
  Offset until;         // exclusive
  UserId user;
  std::size_t found_bytes_max;  // stops after so much was found ...
  std::size_t read_bytes_max;   // ... or so much was read
};
struct LogScanResult {
  std::vector<RecordPtr> events;
  event_store::Position reached;  // next_offset == until when the scan is through
  std::optional<Error> error{};   // the log's own
  bool misfit = false;            // `from` is not what this log says at that offset
};
[[nodiscard]] LogScanResult scan_log(event_store::EventLog& log, const LogScan& scan);

}  // namespace signalbox::gateway
