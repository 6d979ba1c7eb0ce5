#include "router/agents/assistant/calculator.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

// The value, with "~" before it where it is rounded, or the code of the error.
std::string value_of(std::string_view text) {
  const auto calculation = calculate(text);
  if (!calculation) return calculation.error().code;
  const auto value = calculation->value.to_text(24, 12);
  return (value.exact ? "" : "~") + value.digits;
}

TEST(Calculator, binds_as_arithmetic_does) {
  EXPECT_EQ(value_of("1 + 2 * 3"), "7");
  EXPECT_EQ(value_of("(1 + 2) * 3"), "9");
  EXPECT_EQ(value_of("10 - 4 - 3"), "3");
  EXPECT_EQ(value_of("100 / 5 / 4"), "5");
  EXPECT_EQ(value_of("2 ^ 3 ^ 2"), "512");
  EXPECT_EQ(value_of("-2 ^ 2"), "-4");
  EXPECT_EQ(value_of("(-2) ^ 2"), "4");
  EXPECT_EQ(value_of("2 ^ -2"), "0.25");
  EXPECT_EQ(value_of("--3"), "3");
  EXPECT_EQ(value_of("3!!"), "720");
}

TEST(Calculator, a_percent_sign_is_a_remainder_before_an_operand_and_hundredths_elsewhere) {
  EXPECT_EQ(value_of("17 % 5"), "2");
  EXPECT_EQ(value_of("-5 % 3"), "1");
  EXPECT_EQ(value_of("5 % -3"), "-1");
  EXPECT_EQ(value_of("10 % (2 + 1)"), "1");
  EXPECT_EQ(value_of("50%"), "0.5");
  EXPECT_EQ(value_of("10% -3"), "-2.9");
  EXPECT_EQ(value_of("15% of 80"), "12");
  EXPECT_EQ(value_of("10% of 10% of 1000"), "10");
  EXPECT_EQ(value_of("80 + 15%"), "92");
  EXPECT_EQ(value_of("80 - 15%"), "68");
  EXPECT_EQ(value_of("80 * 15%"), "12");
  EXPECT_EQ(value_of("80 + 15% * 2"), "80.3");
}

TEST(Calculator, stays_exact_as_long_as_it_fits) {
  EXPECT_EQ(value_of("0.1 + 0.2"), "0.3");
  EXPECT_EQ(value_of("1/3 + 1/6"), "0.5");
  EXPECT_EQ(value_of("1/3*3"), "1");
  EXPECT_EQ(value_of("105945141827451681156 + 1"), "105945141827451681157");
  EXPECT_EQ(value_of("33!"), "8683317618811886495518194401280000000");
  EXPECT_EQ(value_of("2^126 - 2^126 + 1"), "1");
  EXPECT_EQ(value_of("1/3"), "~0.333333333333");
  EXPECT_EQ(value_of("2^200"), "~1.60693804426e+60");
  EXPECT_EQ(value_of("sqrt(9/16)"), "0.75");
  EXPECT_EQ(value_of("sqrt 2"), "~1.41421356237");
}

TEST(Calculator, knows_functions_and_words) {
  EXPECT_EQ(value_of("the square root of 16 plus 1"), "5");
  EXPECT_EQ(value_of("min(3, -1, 2) + max(1,000)"), "0");
  EXPECT_EQ(value_of("round(2.5) + floor(-2.5) + ceil(2.1) + abs(-4)"), "7");
  EXPECT_EQ(value_of("1,234,567 times 2"), "2469134");
  EXPECT_EQ(value_of("two plus twelve"), "14");
  EXPECT_EQ(value_of("half of 9 squared"), "40.5");
  EXPECT_EQ(value_of("6 ÷ 3 × 4 − 1"), "7");
  EXPECT_EQ(value_of("ln(exp(3))"), "~3");
}

TEST(Calculator, errors_have_their_codes) {
  EXPECT_EQ(value_of("1 / 0"), "division_by_zero");
  EXPECT_EQ(value_of("1 / (2 - 2)"), "division_by_zero");
  EXPECT_EQ(value_of("5 % 0"), "division_by_zero");
  EXPECT_EQ(value_of("0 ^ -1"), "division_by_zero");
  EXPECT_EQ(value_of("sqrt(-1)"), "out_of_range");
  EXPECT_EQ(value_of("(-8) ^ 0.5"), "out_of_range");
  EXPECT_EQ(value_of("log 0"), "out_of_range");
  EXPECT_EQ(value_of("171!"), "out_of_range");
  EXPECT_EQ(value_of("(-1)!"), "out_of_range");
  EXPECT_EQ(value_of("10 ^ 400"), "out_of_range");
  EXPECT_EQ(value_of("10 ^ 9999999"), "out_of_range");
  for (const char* text : {"", "1 +", "* 2", "(1", "1)", "1 2", "1..2", "sqrt", "sqrt(1, 2)",
                           "min()", "3 of 4", "2 apples", "x", "1 + $2", "max(1,"})
    EXPECT_EQ(value_of(text), "bad_arguments") << text;
}

TEST(Calculator, an_error_says_where_it_is) {
  EXPECT_EQ(calculate("1 + $2").error().message,
            "character 5 begins nothing that can be calculated with");
  EXPECT_EQ(calculate("1 2").error().message, "character 3 does not fit there");
}

TEST(Calculator, counts_operations) {
  EXPECT_EQ(calculate("42")->operations, 0);
  EXPECT_EQ(calculate("-42")->operations, 0);
  EXPECT_EQ(calculate("6 * 7")->operations, 1);
  EXPECT_EQ(calculate("50%")->operations, 1);
}

TEST(ExactNumber, edges_of_128_bits_turn_into_doubles_and_not_into_nonsense) {
  EXPECT_EQ(value_of("2^127"), "~1.7014118346e+38");
  EXPECT_EQ(value_of("-(2^126) * 2"), "-170141183460469231731687303715884105728");
  EXPECT_EQ(value_of("-(-(2^126) * 2)"), "~1.7014118346e+38");
  EXPECT_EQ(value_of("1 / (-(2^126) * 2)"), "~-5.87747175411e-39");
  EXPECT_EQ(value_of("abs(-(2^126) * 2) / 2^127"), "~1");
  EXPECT_EQ(value_of("170141183460469231731687303715884105727"),
            "170141183460469231731687303715884105727");
  EXPECT_EQ(value_of("1 / 3 / 10^37 + 1 / 7 / 10^37"), "~4.7619047619e-38");
}

}  // namespace
}  // namespace signalbox::router
