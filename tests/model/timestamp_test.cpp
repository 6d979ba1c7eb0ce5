#include "event-store/model/timestamp.hpp"

#include <gtest/gtest.h>

namespace signalbox {
namespace {

TEST(Timestamp, IsWrittenInUtcWithSixDecimals) {
  const Timestamp time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) +
                         std::chrono::hours(9) + std::chrono::minutes(30) +
                         std::chrono::microseconds(7);
  EXPECT_EQ(to_text(time), "2026-11-20T09:30:00.000007Z");
  EXPECT_EQ(parse_timestamp("2026-11-20T09:30:00.000007Z"), time);
}

TEST(Timestamp, AnyRfc3339FormOfAForeignProducerIsRead) {
  const auto expected = parse_timestamp("2026-11-20T09:30:00.250000Z");
  ASSERT_TRUE(expected);
  EXPECT_EQ(parse_timestamp("2026-11-20T10:30:00.25+01:00"), expected);
  EXPECT_EQ(parse_timestamp("2026-11-20t04:00:00.2500009-05:30"), expected);
}

TEST(Timestamp, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "2026-11-20", "2026-13-20T09:30:00Z", "2026-02-30T09:30:00Z", "2026-11-20T24:30:00Z",
        "2026-11-20T09:30:00", "2026-11-20T09:30:00.Z", "2026-11-20T09:30:00Zx"})
    EXPECT_FALSE(parse_timestamp(text)) << text;
}

// In UTC their year had five digits, or a sign: a text that nobody could read back.
TEST(Timestamp, WhatFourDigitsOfAYearCannotSayIsRefused) {
  for (const char* text :
       {"9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"})
    EXPECT_FALSE(parse_timestamp(text)) << text;
  for (const Timestamp time : {kTimestampMin, kTimestampMax})
    EXPECT_EQ(parse_timestamp(to_text(time)), time) << to_text(time);
}

}  // namespace
}  // namespace signalbox
