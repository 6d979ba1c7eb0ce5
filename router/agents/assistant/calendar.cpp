#include "router/agents/assistant/calendar.hpp"

#include <array>
#include <vector>

#include "event-store/model/decimal.hpp"
#include "router/agents/assistant/phrases.hpp"

namespace signalbox::router {
namespace {

namespace chrono = std::chrono;

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 7> kUnits = {"second", "minute", "hour", "day",
                                                    "week",   "month",  "year"};
constexpr std::array<std::string_view, 13> kCounts = {"zero", "one",    "two",   "three", "four",
                                                      "five", "six",    "seven", "eight", "nine",
                                                      "ten",  "eleven", "twelve"};
constexpr int kCountMax = 10'000'000;

struct Feast {
  std::string_view name;
  unsigned month;
  unsigned day;
};
constexpr Feast kFeasts[] = {
    {"christmas", 12, 25}, {"christmas day", 12, 25}, {"christmas eve", 12, 24},
    {"new year", 1, 1},    {"new year's day", 1, 1},  {"new year's eve", 12, 31},
    {"new year's", 1, 1},  {"halloween", 10, 31},     {"valentine's day", 2, 14},
};

std::optional<int> parse_digits(std::string_view text, std::size_t digits_max) {
  return text.size() > digits_max ? std::nullopt : parse_decimal<int>(text);
}

// Three letters are enough: "Dec", "Thurs".
template <std::size_t N>
std::optional<unsigned> parse_name(const std::array<std::string_view, N>& names,
                                   std::string_view word) {
  word = trim_end(word, ".");
  for (unsigned i = 0; i < N; ++i)
    if (word.size() >= 3 && word.size() <= names[i].size() &&
        same(word, names[i].substr(0, word.size())))
      return i;
  return std::nullopt;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool cut = i == text.size() || is_space(text[i]) || text[i] == ',';
    if (cut && i > start) words.push_back(text.substr(start, i - start));
    if (cut) start = i + 1;
  }
  return words;
}

std::optional<Day> make_day(int year, unsigned month, unsigned day) {
  const chrono::year_month_day date{chrono::year(year), chrono::month(month), chrono::day(day)};
  if (!date.ok() || year < 1 || year > 9999) return std::nullopt;
  return Day(date);
}

// The coming or last day of that name; 29 February may be years away.
std::optional<Day> day_of_some_year(unsigned month, unsigned day, Day today, Side side) {
  const int this_year = static_cast<int>(chrono::year_month_day(today).year());
  for (int distance = 0; distance <= 8; ++distance) {
    const int year = side == Side::coming ? this_year + distance : this_year - distance;
    const auto found = make_day(year, month, day);
    if (found && (side == Side::coming ? *found >= today : *found <= today)) return found;
  }
  return std::nullopt;
}

std::optional<Day> parse_iso(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = parse_digits(text.substr(0, 4), 4);
  const auto month = parse_digits(text.substr(5, 2), 2);
  const auto day = parse_digits(text.substr(8, 2), 2);
  if (!year || !month || !day) return std::nullopt;
  return make_day(*year, static_cast<unsigned>(*month), static_cast<unsigned>(*day));
}

std::optional<Day> parse_relative(std::string_view text, Day today) {
  if (is_any(text, {"today", "now"})) return today;
  if (same(text, "tomorrow")) return today + chrono::days(1);
  if (same(text, "yesterday")) return today - chrono::days(1);
  if (is_any(text, {"the day after tomorrow", "day after tomorrow"}))
    return today + chrono::days(2);
  if (is_any(text, {"the day before yesterday", "day before yesterday"}))
    return today - chrono::days(2);
  return std::nullopt;
}

std::optional<Day> parse_weekday(std::string_view text, Day today, Side side) {
  if (const auto rest = after_any(text, {"last"})) {
    text = *rest;
    side = Side::past;
  } else if (const auto other = after_any(text, {"next", "this", "on"})) {
    text = *other;
  }
  const auto index = parse_name(kWeekdays, text);
  if (!index) return std::nullopt;
  const chrono::weekday wanted(*index);
  const chrono::weekday present(today);
  const chrono::days week(7);
  if (wanted == present) return side == Side::coming ? today + week : today - week;
  return side == Side::coming ? today + (wanted - present) : today - (present - wanted);
}

// "24 December 2026", "24th of December", "December 24, 2026".
std::optional<Day> parse_written(std::string_view text, Day today, Side side) {
  auto words = split_words(text);
  std::erase_if(words, [](std::string_view word) { return is_any(word, {"of", "the", "on"}); });
  if (words.size() < 2 || words.size() > 3) return std::nullopt;
  auto month = parse_name(kMonths, words[0]);
  std::string_view day_word = words[1];
  if (!month) {
    month = parse_name(kMonths, words[1]);
    day_word = words[0];
  }
  for (const std::string_view ending : {"st", "nd", "rd", "th"})
    if (day_word.size() > 2 && same(day_word.substr(day_word.size() - 2), ending))
      day_word.remove_suffix(2);
  const auto day = parse_digits(day_word, 2);
  if (!month || !day) return std::nullopt;
  const auto day_of_month = static_cast<unsigned>(*day);
  if (words.size() == 2) return day_of_some_year(*month + 1, day_of_month, today, side);
  const auto year = parse_digits(words[2], 4);
  return year ? make_day(*year, *month + 1, day_of_month) : std::nullopt;
}

std::string two_digits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

std::optional<Day> parse_date(std::string_view text, Day today, Side side) {
  text = trim_end(trim(text), ",.");
  if (const auto day = parse_iso(text)) return day;
  if (const auto day = parse_relative(text, today)) return day;
  for (const Feast& feast : kFeasts)
    if (same(text, feast.name)) return day_of_some_year(feast.month, feast.day, today, side);
  if (const auto day = parse_weekday(text, today, side)) return day;
  return parse_written(text, today, side);
}

std::string long_date(Day day) {
  const chrono::year_month_day date(day);
  return std::string(kWeekdays[chrono::weekday(day).c_encoding()]) + ", " +
         std::to_string(static_cast<unsigned>(date.day())) + " " +
         std::string(kMonths[static_cast<unsigned>(date.month()) - 1]) + " " +
         std::to_string(static_cast<int>(date.year()));
}

std::string iso_date(Day day) {
  const chrono::year_month_day date(day);
  std::string year = std::to_string(static_cast<int>(date.year()));
  year.insert(0, year.size() < 4 ? 4 - year.size() : 0, '0');
  return year + "-" + two_digits(static_cast<unsigned>(date.month())) + "-" +
         two_digits(static_cast<unsigned>(date.day()));
}

bool is_in_calendar(Day day) { return day >= *make_day(1, 1, 1) && day <= *make_day(9999, 12, 31); }

std::optional<TimeUnit> parse_time_unit(std::string_view word) {
  for (std::size_t i = 0; i < kUnits.size(); ++i)
    if (same(word, kUnits[i]) || same(word, std::string(kUnits[i]) + "s"))
      return static_cast<TimeUnit>(i);
  return std::nullopt;
}

std::string_view to_text(TimeUnit unit) { return kUnits[static_cast<std::size_t>(unit)]; }

std::optional<int> parse_count(std::string_view word) {
  if (is_any(word, {"a", "an"})) return 1;
  for (std::size_t i = 0; i < kCounts.size(); ++i)
    if (same(word, kCounts[i])) return static_cast<int>(i);
  const auto count = parse_digits(word, 8);
  return count && *count <= kCountMax ? count : std::nullopt;
}

Day add_months(Day day, int months) {
  const chrono::year_month_day date(day);
  const auto month = date.year() / date.month() + chrono::months(months);
  const chrono::year_month_day same_day(month.year(), month.month(), date.day());
  return same_day.ok() ? Day(same_day) : Day(month / chrono::last);
}

}  // namespace signalbox::router
