// Dates as people write them, in UTC and the Gregorian calendar, years 1 to 9999. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::router {

using Day = std::chrono::sys_days;

// Which of its years is meant where a date names none: the coming one or the last one.
enum class Side { coming, past };

// "2026-12-24", "24 December 2026", "December 24th", "Christmas", "tomorrow", "next Friday".
[[nodiscard]] std::optional<Day> parse_date(std::string_view text, Day today, Side side);

// "Thursday, 24 December 2026"
[[nodiscard]] std::string long_date(Day day);
// "2026-12-24"
[[nodiscard]] std::string iso_date(Day day);
[[nodiscard]] bool is_in_calendar(Day day);

enum class TimeUnit { second, minute, hour, day, week, month, year };
// "days" or "day"; nothing for other words.
[[nodiscard]] std::optional<TimeUnit> parse_time_unit(std::string_view word);
[[nodiscard]] std::string_view to_text(TimeUnit unit);
// "3", "three", "a": a number of units.
[[nodiscard]] std::optional<int> parse_count(std::string_view word);

// Months and years later, on the last day of the month where it is shorter.
[[nodiscard]] Day add_months(Day day, int months);

}  // namespace signalbox::router
