// log_scan: finds one user's valid events in the log itself, where neither window nor archive has
// them. Blocking; for a helper thread, never an io thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::event_store {

struct LogScan {
  Partition partition;
  Position from;
  bool from_is_proven;  // else it is held against the log's own before anything is looked for
  Offset until;         // exclusive
  UserId user;
  std::size_t found_bytes_max;  // stops after so much was found ...
  std::size_t read_bytes_max;   // ... or so much was read
};
struct LogScanResult {
  std::vector<RecordPtr> events;
  Position reached;                  // next_offset == until when the scan is through
  std::optional<Error> error{};      // the log's own
  std::optional<Position> oldest{};  // that can be read, where retention took what was looked for
  bool misfit = false;               // `from` is not what this log says at that offset
};
[[nodiscard]] LogScanResult scan_log(EventLog& log, const LogScan& scan);

// Scans of one partition in one pass over it, which begins where the first does and reads as much
// as that one may; the others join where it comes by. By scan; nullopt: it did not come there, or
// there the log is not what `from` says.
[[nodiscard]] std::vector<std::optional<LogScanResult>> scan_log_together(
    EventLog& log, const std::vector<LogScan>& scans);

// Whether the log may hold, from a position that is proven and before `until`, a valid event that
// `concerns` the caller: one was found, or it cannot be told by reading at most so much.
[[nodiscard]] bool may_hold(EventLog& log, Partition partition, const Position& from, Offset until,
                            std::size_t read_bytes_max,
                            const std::function<bool(const Record&)>& concerns);
// Whether a reader that is complete to `complete_to` may lack events of this user that are in the
// log before `until`.
[[nodiscard]] bool may_lack_events(EventLog& log, const UserId& user, const Position& complete_to,
                                   Offset until, std::size_t read_bytes_max);

}  // namespace signalbox::event_store
