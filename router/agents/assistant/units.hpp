// Units of length, mass, temperature, volume, speed, time and data size, converted exactly.
// Gallons, quarts, pints, cups, fluid ounces and spoons are those of the United States; a year is
// 365.25 days. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "event-store/model/event.hpp"
#include "router/agents/assistant/exact_number.hpp"

namespace signalbox::router {

struct Unit {
  std::string_view symbol;
  std::string_view dimension;  // "length"
  // One unit in the dimension's base unit is numerator / denominator.
  long long numerator;
  long long denominator;
  // Of temperatures: hundredths that are added before the unit is scaled.
  long long offset_hundredths;
  std::string_view names;  // parted by commas
};

// By symbol as written, else by any of its names in any case, one or many: "km", "Miles", "degrees
// C".
[[nodiscard]] const Unit* find_unit(std::string_view name);

// Errors: bad_arguments where the two measure different things, out_of_range below absolute zero.
[[nodiscard]] tl::expected<ExactNumber, ToolError> convert(const ExactNumber& value,
                                                           const Unit& from, const Unit& to);

// "5", "1,000", "-3.5", "1/2", "a", "half a", "two": an amount of a unit.
[[nodiscard]] std::optional<ExactNumber> parse_quantity(std::string_view text);

}  // namespace signalbox::router
