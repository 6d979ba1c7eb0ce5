// Calculator: arithmetic in one line, in signs or in words.
//   sum      = product { ("+" | "-") product }        80 + 15% is 80 and 15 percent of it
//   product  = factor { ("*" | "/" | "%" | "of") factor }       % before an operand: remainder
//   factor   = { "-" | "+" } power
//   power    = postfix [ "^" factor ]
//   postfix  = operand { "!" | "%" | "squared" | "cubed" }      % elsewhere: hundredths
//   operand  = number | "pi" | "(" sum ")" | function "(" sum { "," sum } ")" | function operand
// Functions: sqrt abs round floor ceil min max ln log exp. Words: plus, minus, times, divided by,
// to the power of, square root of and the like. Whole numbers and fractions are exact within 128
// bits. Pure; any thread.
#pragma once

#include <string_view>
#include <tl/expected.hpp>

#include "event-store/model/event.hpp"
#include "router/agents/assistant/exact_number.hpp"

namespace signalbox::router {

struct Calculation {
  ExactNumber value;
  int operations;  // 0: the text is nothing but a number
};

// Errors: bad_arguments (cannot be read, with the place), division_by_zero, out_of_range (too
// large, or no real number).
[[nodiscard]] tl::expected<Calculation, ToolError> calculate(std::string_view text);

}  // namespace signalbox::router
