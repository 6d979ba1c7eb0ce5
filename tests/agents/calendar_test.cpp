#include "router/agents/assistant/calendar.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

using std::chrono::days;

// A Friday.
const Day kToday = std::chrono::year(2026) / 11 / 20;

std::string date_of(std::string_view text, Side side = Side::coming) {
  const auto day = parse_date(text, kToday, side);
  return day ? iso_date(*day) : "none";
}

TEST(Calendar, reads_dates_as_people_write_them) {
  for (const char* text :
       {"2026-12-24", "24 December 2026", "24th of December 2026", "Dec 24, 2026",
        "December 24th, 2026", "the 24th of dec. 2026", "Christmas Eve"})
    EXPECT_EQ(date_of(text), "2026-12-24") << text;
  EXPECT_EQ(date_of("0001-01-01"), "0001-01-01");
  EXPECT_EQ(date_of("today"), "2026-11-20");
  EXPECT_EQ(date_of("the day after tomorrow"), "2026-11-22");
  EXPECT_EQ(date_of("yesterday"), "2026-11-19");
}

TEST(Calendar, a_date_without_a_year_is_the_coming_or_the_last) {
  EXPECT_EQ(date_of("1 March"), "2027-03-01");
  EXPECT_EQ(date_of("1 March", Side::past), "2026-03-01");
  EXPECT_EQ(date_of("20 November"), "2026-11-20");
  EXPECT_EQ(date_of("29 February"), "2028-02-29");
  EXPECT_EQ(date_of("29 February", Side::past), "2024-02-29");
}

TEST(Calendar, weekdays_are_never_today) {
  EXPECT_EQ(date_of("Saturday"), "2026-11-21");
  EXPECT_EQ(date_of("next friday"), "2026-11-27");
  EXPECT_EQ(date_of("last friday"), "2026-11-13");
  EXPECT_EQ(date_of("thursday", Side::past), "2026-11-19");
  EXPECT_EQ(date_of("last sat"), "2026-11-14");
}

TEST(Calendar, what_is_no_date_is_none) {
  for (const char* text :
       {"", "2026-02-29", "2026-13-01", "31 April 2026", "December", "24", "24 December 20266",
        "fr", "0 May", "2026/12/24", "24 December 2026 AD", "0000-01-01", "my birthday"})
    EXPECT_EQ(date_of(text), "none") << text;
}

TEST(Calendar, months_end_on_their_last_day) {
  const Day january = std::chrono::year(2027) / 1 / 31;
  EXPECT_EQ(iso_date(add_months(january, 1)), "2027-02-28");
  EXPECT_EQ(iso_date(add_months(january, 13)), "2028-02-29");
  EXPECT_EQ(iso_date(add_months(january, -2)), "2026-11-30");
}

TEST(Calendar, shows_dates_in_words) {
  EXPECT_EQ(long_date(kToday), "Friday, 20 November 2026");
  EXPECT_EQ(long_date(kToday + days(3)), "Monday, 23 November 2026");
}

TEST(Calendar, counts_are_small_words_or_digits) {
  EXPECT_EQ(parse_count("a"), 1);
  EXPECT_EQ(parse_count("Twelve"), 12);
  EXPECT_EQ(parse_count("365"), 365);
  EXPECT_EQ(parse_count("-3"), std::nullopt);
  EXPECT_EQ(parse_count("99999999"), std::nullopt);
  EXPECT_EQ(parse_count("many"), std::nullopt);
}

}  // namespace
}  // namespace signalbox::router
