// RFC 3339 in UTC with six decimals, the one form of time in records and frames (contract 1).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/clock.hpp"

namespace signalbox {

// What four digits of a year can say.
inline constexpr Timestamp kTimestampMin = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
inline constexpr Timestamp kTimestampMax =
    std::chrono::sys_days(std::chrono::year(10000) / 1 / 1) - std::chrono::microseconds(1);

// 2026-11-20T09:30:00.000000Z
[[nodiscard]] std::string to_text(Timestamp time);
// Any RFC 3339 time, as foreign producers write it: any number of decimals (cut to six), any
// offset. None for what is beyond these two once it is in UTC.
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace signalbox
