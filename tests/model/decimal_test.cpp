#include "event-store/model/decimal.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace signalbox {
namespace {

TEST(Decimal, AWholeTextOfDigitsIsANumber) {
  EXPECT_EQ(parse_decimal<std::int64_t>("0"), 0);
  EXPECT_EQ(parse_decimal<std::int64_t>("007"), 7);
  EXPECT_EQ(parse_decimal<std::int64_t>("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(parse_decimal<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_decimal<std::uint16_t>("65535"), 65535);
}

TEST(Decimal, AnythingElseIsNone) {
  for (const char* const text : {"", "-", "-1", "-0", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a"}) {
    EXPECT_FALSE(parse_decimal<std::int32_t>(text)) << text;
    EXPECT_FALSE(parse_decimal<std::uint32_t>(text)) << text;
  }
  EXPECT_FALSE(parse_decimal<std::int32_t>("2147483648"));
  EXPECT_FALSE(parse_decimal<std::uint16_t>("65536"));
}

}  // namespace
}  // namespace signalbox
