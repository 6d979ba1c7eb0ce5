#include "router/agents/assistant/units.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

std::string converted(const char* value, const char* from, const char* to) {
  const auto amount = parse_quantity(value);
  const Unit* units[2] = {find_unit(from), find_unit(to)};
  if (!amount || units[0] == nullptr || units[1] == nullptr) return "unknown";
  const auto result = convert(*amount, *units[0], *units[1]);
  if (!result) return result.error().code;
  return result->to_text(12, 6).digits;
}

TEST(Units, conversions_are_exact_by_definition) {
  EXPECT_EQ(converted("1", "mile", "km"), "1.609344");
  EXPECT_EQ(converted("1", "inch", "mm"), "25.4");
  EXPECT_EQ(converted("3", "feet", "yards"), "1");
  EXPECT_EQ(converted("1", "nautical mile", "m"), "1852");
  EXPECT_EQ(converted("1", "lb", "g"), "453.59237");
  EXPECT_EQ(converted("1", "stone", "pounds"), "14");
  EXPECT_EQ(converted("1", "tonne", "kg"), "1000");
  EXPECT_EQ(converted("1", "gallon", "cups"), "16");
  EXPECT_EQ(converted("1", "cup", "tbsp"), "16");
  EXPECT_EQ(converted("1", "tbsp", "tsp"), "3");
  EXPECT_EQ(converted("8", "imperial pints", "imperial gallons"), "1");
  EXPECT_EQ(converted("1", "m3", "liters"), "1000");
  EXPECT_EQ(converted("36", "km/h", "m/s"), "10");
  EXPECT_EQ(converted("1", "knot", "kmh"), "1.852");
  EXPECT_EQ(converted("2", "weeks", "hours"), "336");
  EXPECT_EQ(converted("1", "GiB", "MiB"), "1024");
  EXPECT_EQ(converted("1", "PB", "TB"), "1000");
}

TEST(Units, temperatures_have_offsets_and_an_end) {
  EXPECT_EQ(converted("0", "C", "F"), "32");
  EXPECT_EQ(converted("212", "fahrenheit", "celsius"), "100");
  EXPECT_EQ(converted("0", "K", "°C"), "-273.15");
  EXPECT_EQ(converted("-273.15", "degrees celsius", "kelvin"), "0");
  EXPECT_EQ(converted("-273.16", "C", "K"), "out_of_range");
}

TEST(Units, case_parts_bits_from_bytes_only_where_it_is_written) {
  EXPECT_EQ(converted("8", "Mb", "MB"), "1");
  EXPECT_EQ(converted("8", "mb", "MB"), "8");
  EXPECT_EQ(converted("1", "gb", "mb"), "1000");
  EXPECT_EQ(converted("1", "B", "bit"), "8");
}

TEST(Units, different_things_do_not_convert) {
  EXPECT_EQ(converted("1", "kg", "m"), "bad_arguments");
  EXPECT_EQ(converted("1", "parsec", "m"), "unknown");
  EXPECT_EQ(converted("1", "", "m"), "unknown");
}

TEST(Units, quantities_are_read_as_written) {
  EXPECT_EQ(parse_quantity("1,000")->to_text(12, 6).digits, "1000");
  EXPECT_EQ(parse_quantity("-2.50")->to_text(12, 6).digits, "-2.5");
  EXPECT_EQ(parse_quantity("3/4")->to_text(12, 6).digits, "0.75");
  EXPECT_EQ(parse_quantity("half a")->to_text(12, 6).digits, "0.5");
  EXPECT_EQ(parse_quantity("two")->to_text(12, 6).digits, "2");
  for (const char* text : {"", "1/0", "--1", "1.2.3", "some", "-"})
    EXPECT_FALSE(parse_quantity(text)) << text;
}

}  // namespace
}  // namespace signalbox::router
