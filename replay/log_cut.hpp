// A partition of events whose first records are gone (retention, a deletion, compaction). Events
// are kept for ever (contract 2), so this is always a loss; what is left is still read, from the
// oldest record on. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::replay {

struct LogCut {
  TopicPartition at;
  Offset first;  // that is left
};
// A sentence without an end.
[[nodiscard]] std::string to_text(const LogCut& cut);
// For what cannot be told without the records that are gone.
[[nodiscard]] Error lost_history(const LogCut& cut);

// The position right before an event by what it states of itself, which nobody has proven: where
// reading begins behind a cut. None for what is no event.
[[nodiscard]] std::optional<event_store::Position> stated_before(const Record& record);

}  // namespace signalbox::replay
