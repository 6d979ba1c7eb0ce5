#include "event-store/model/timestamp.hpp"

namespace signalbox {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Reads exactly `digits` decimal digits at the front of text and takes them off.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take_character(std::string_view& text, char a, char b) {
  if (text.empty() || (text[0] != a && text[0] != b)) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456789" -> 123456 microseconds; no dot -> 0.
std::optional<microseconds> take_fraction(std::string_view& text) {
  if (text.empty() || text[0] != '.') return microseconds(0);
  text.remove_prefix(1);
  std::int64_t value = 0;
  int count = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (count < 6) value = value * 10 + (text[0] - '0');
    ++count;
    text.remove_prefix(1);
  }
  if (count == 0) return std::nullopt;
  for (; count < 6; ++count) value *= 10;
  return microseconds(value);
}

// "Z" or "+hh:mm": what to take off the written time to get UTC.
std::optional<minutes> take_zone(std::string_view& text) {
  if (take_character(text, 'Z', 'z')) return minutes(0);
  if (text.empty()) return std::nullopt;
  const int sign = text[0] == '-' ? -1 : 1;
  if (!take_character(text, '+', '-')) return std::nullopt;
  const auto h = take_number(text, 2);
  if (!h || !take_character(text, ':', ':')) return std::nullopt;
  const auto m = take_number(text, 2);
  if (!m || *h > 23 || *m > 59) return std::nullopt;
  return minutes(sign * (*h * 60 + *m));
}

// Writes a number of at most so many digits, with zeros in front. By hand: every record has a time,
// and snprintf takes twenty times as long.
void put_number(std::string& text, std::size_t at, std::size_t digits, std::int64_t number) {
  for (; digits > 0; number /= 10) text[at + --digits] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::string to_text(Timestamp time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<microseconds> clock(time - day);
  std::string text = "0000-00-00T00:00:00.000000Z";
  put_number(text, 0, 4, static_cast<int>(date.year()));
  put_number(text, 5, 2, static_cast<unsigned>(date.month()));
  put_number(text, 8, 2, static_cast<unsigned>(date.day()));
  put_number(text, 11, 2, clock.hours().count());
  put_number(text, 14, 2, clock.minutes().count());
  put_number(text, 17, 2, clock.seconds().count());
  put_number(text, 20, 6, clock.subseconds().count());
  return text;
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_character(text, '-', '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_character(text, '-', '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_character(text, 'T', 't')) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_character(text, ':', ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_character(text, ':', ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  // A leap second is written as :60; it counts as the first second after it.
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const Timestamp time = std::chrono::sys_days(date) + hours(*hour) + minutes(*minute) +
                         seconds(*second) + *fraction - *zone;
  if (time < kTimestampMin || time > kTimestampMax) return std::nullopt;
  return time;
}

}  // namespace signalbox
