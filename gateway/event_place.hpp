// Where a valid event stands, read from its own headers. Pure; any thread.
#pragma once

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::gateway {

// A valid event states the position after itself.
[[nodiscard]] event_store::Position position_after(const Record& event);
// 0 where it states none.
[[nodiscard]] Seq seq_of(const Record& event);

}  // namespace signalbox::gateway
