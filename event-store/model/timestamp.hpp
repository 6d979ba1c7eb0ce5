// RFC 3339 in UTC with six decimals, the one form of time in records and frames (contract 1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/clock.hpp"

namespace signalbox {

// 2026-11-20T09:30:00.000000Z
[[nodiscard]] std::string to_text(Timestamp time);
// Any RFC 3339 time, as foreign producers write it: any number of decimals (cut to six), any
// offset.
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace signalbox
