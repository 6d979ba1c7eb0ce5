// Questions about time. The tool alone knows the present, so a run that goes on elsewhere sees the
// time at which it first asked.
#include <cstdlib>

#include "router/agents/assistant/calendar.hpp"
#include "router/agents/assistant/phrases.hpp"
#include "router/agents/assistant/skill.hpp"

namespace signalbox::router {
namespace {

namespace chrono = std::chrono;

// To see whether words are a date at all, any present will do.
constexpr Day kSomeDay{chrono::days(20'000)};
constexpr int kMonthsMax = 12 * 9999;

bool is_date(std::string_view text) { return parse_date(text, kSomeDay, Side::coming).has_value(); }

// ---- questions

std::optional<Json> understand_now(std::string_view q) {
  if (is_any(q, {"what time is it", "what time is it now", "what time it is", "what the time is",
                 "what time is it in utc", "what's the time", "what is the time",
                 "what is the current time", "what's the current time", "the time", "time",
                 "current time", "now", "what time is it right now", "the current time",
                 "what is the time now", "which time is it", "what is the time in utc"}))
    return Json{{"operation", "now"}};
  return std::nullopt;
}

std::optional<Json> understand_today(std::string_view q) {
  if (is_any(q, {"what day is it",
                 "what day is it today",
                 "what day it is",
                 "what the date is",
                 "what day is today",
                 "which day is it",
                 "what is the date",
                 "what's the date",
                 "what is today's date",
                 "what date is it",
                 "what date is today",
                 "what's today's date",
                 "today's date",
                 "the date",
                 "date",
                 "today",
                 "what is the date today",
                 "what's the date today",
                 "what is today",
                 "which day is today",
                 "what year is it",
                 "what month is it",
                 "what date is it today",
                 "which day is it today",
                 "what weekday is it",
                 "what day of the week is it",
                 "which day of the week is it",
                 "what weekday is it today"}))
    return Json{{"operation", "today"}};
  return std::nullopt;
}

std::optional<Json> understand_weekday(std::string_view q) {
  auto rest = after_any(q, {"what day of the week is",
                            "what day of the week was",
                            "what day of the week will",
                            "which day of the week is",
                            "which day of the week was",
                            "what weekday is",
                            "what weekday was",
                            "which weekday is",
                            "which weekday was",
                            "what day is",
                            "what day was",
                            "what day will",
                            "what day does",
                            "what date is",
                            "what is the date",
                            "what's the date",
                            "what date will it be",
                            "what day will it be",
                            "what date was",
                            "what is the weekday of",
                            "weekday of",
                            "when is",
                            "when was",
                            "on what day is",
                            "on which day is",
                            "what was the date"});
  if (!rest) return std::nullopt;
  if (const auto shorter = before_any(*rest, {"be", "fall on", "fall", "on"})) rest = shorter;
  if (!is_date(*rest)) return std::nullopt;
  return Json{{"operation", "weekday"}, {"date", *rest}};
}

std::optional<Json> between(std::string_view text, std::string_view separator,
                            std::string_view unit) {
  const auto sides = split_at(text, separator);
  if (!sides || !is_date(sides->first) || !is_date(sides->second)) return std::nullopt;
  return Json{
      {"operation", "between"}, {"from", sides->first}, {"to", sides->second}, {"unit", unit}};
}

std::optional<Json> understand_distance(std::string_view q) {
  std::string_view unit = "day";
  std::string_view rest = q;
  if (const auto long_ago = after_any(q, {"how long ago was", "how long ago is"})) {
    if (!is_date(*long_ago)) return std::nullopt;
    return Json{{"operation", "since"}, {"date", *long_ago}, {"unit", unit}};
  }
  if (const auto days = after_any(q, {"how many days", "days", "how long", "number of days"})) {
    rest = *days;
  } else if (const auto weeks = after_any(q, {"how many weeks", "weeks", "number of weeks"})) {
    unit = "week";
    rest = *weeks;
  } else {
    return std::nullopt;
  }
  while (const auto shorter =
             after_any(rest, {"are there", "is it", "are left", "left", "have passed", "is there",
                              "do we have", "has it been", "there are"}))
    rest = *shorter;
  for (const char* operation : {"until", "since"}) {
    const auto date = std::string_view(operation) == "until"
                          ? after_any(rest, {"until", "till", "to", "before"})
                          : after_any(rest, {"since"});
    if (date && is_date(*date))
      return Json{{"operation", operation}, {"date", *date}, {"unit", unit}};
  }
  if (const auto both = after_any(rest, {"between"})) return between(*both, "and", unit);
  if (const auto both = after_any(rest, {"from"})) {
    if (auto found = between(*both, "to", unit)) return found;
    return between(*both, "until", unit);
  }
  return std::nullopt;
}

// "3 days": the amount and the unit, and what follows them.
struct Amount {
  int count;
  TimeUnit unit;
  std::string_view rest;
};

std::optional<Amount> parse_amount(std::string_view text) {
  const auto first = text.find(' ');
  if (first == std::string_view::npos) return std::nullopt;
  const std::string_view after = trim(text.substr(first));
  const std::size_t second = std::min(after.find(' '), after.size());
  const auto count = parse_count(text.substr(0, first));
  const auto unit = parse_time_unit(after.substr(0, second));
  if (!count || !unit) return std::nullopt;
  return Amount{*count, *unit, trim(after.substr(second))};
}

Json shift(const Amount& amount, bool back, std::string_view from) {
  return Json{{"operation", "shift"},
              {"from", from},
              {"amount", back ? -amount.count : amount.count},
              {"unit", to_text(amount.unit)}};
}

std::optional<Json> understand_shift(std::string_view q) {
  std::string_view rest = q;
  if (const auto asked = after_any(q, {"what day is it",
                                       "what day will it be",
                                       "what day was it",
                                       "what day is",
                                       "what date is it",
                                       "what date will it be",
                                       "what date was it",
                                       "what date is",
                                       "what is the date",
                                       "what's the date",
                                       "what was the date",
                                       "what will the date be",
                                       "what will be the date",
                                       "what time is it",
                                       "what time will it be",
                                       "what time was it",
                                       "what was the time",
                                       "what will the time be",
                                       "what is the day",
                                       "when is",
                                       "when was",
                                       "what is",
                                       "what was"}))
    rest = *asked;
  if (const auto in = after_any(rest, {"in"})) {
    const auto amount = parse_amount(*in);
    if (!amount || !(amount->rest.empty() || same(amount->rest, "from now"))) return std::nullopt;
    return shift(*amount, false, "now");
  }
  const auto amount = parse_amount(rest);
  if (!amount) return std::nullopt;
  if (same(amount->rest, "ago")) return shift(*amount, true, "now");
  const auto later = after_any(amount->rest, {"from", "after"});
  if (later && is_date(*later)) return shift(*amount, false, *later);
  const auto before = after_any(amount->rest, {"before"});
  if (before && is_date(*before)) return shift(*amount, true, *before);
  return std::nullopt;
}

std::optional<Json> understand(std::string_view question) {
  const std::string_view q = trim_end(question, "?!.");
  for (const auto try_one : {understand_now, understand_today, understand_shift, understand_weekday,
                             understand_distance})
    if (auto arguments = try_one(q)) return arguments;
  return std::nullopt;
}

// ---- tool

std::string clock_time(Timestamp time) {
  const chrono::hh_mm_ss of_day(time - chrono::floor<chrono::days>(time));
  std::string text;
  for (const auto part :
       {of_day.hours().count(), of_day.minutes().count(), of_day.seconds().count()}) {
    if (!text.empty()) text += ':';
    text += (part < 10 ? "0" : "") + std::to_string(part);
  }
  return text;
}

Json at_date(Day day) { return {{"date", iso_date(day)}, {"text", long_date(day)}}; }
Json at_time(Timestamp time) {
  Json json = at_date(chrono::floor<chrono::days>(time));
  json["time"] = clock_time(time);
  return json;
}

JsonResult no_date(const std::string& text) {
  return bad_arguments("\"" + text + "\" is no date I can read");
}

JsonResult work_shift(const Json& arguments, Timestamp now) {
  const Day today = chrono::floor<chrono::days>(now);
  const std::string from = text_of(arguments, "from");
  const auto day = parse_date(from, today, Side::coming);
  const auto unit = parse_time_unit(text_of(arguments, "unit"));
  const auto amount = arguments.find("amount");
  if (!day) return no_date(from);
  if (!unit || amount == arguments.end() || !amount->is_number_integer())
    return bad_arguments("amount must be a whole number, unit one of second to year");
  const auto count = amount->get<std::int64_t>();
  if (std::abs(count) > 1'000'000'000) return ToolError{"out_of_range", "that is too far away"};
  const bool of_day = *unit == TimeUnit::day || *unit == TimeUnit::week;
  if (*unit == TimeUnit::month || *unit == TimeUnit::year) {
    const std::int64_t months = *unit == TimeUnit::year ? count * 12 : count;
    if (std::abs(months) > kMonthsMax) return ToolError{"out_of_range", "that is too far away"};
    const Day moved = add_months(*day, static_cast<int>(months));
    if (!is_in_calendar(moved)) return ToolError{"out_of_range", "that is too far away"};
    return at_date(moved);
  }
  if (of_day) {
    const std::int64_t days = *unit == TimeUnit::week ? count * 7 : count;
    if (std::abs(days) > 4'000'000) return ToolError{"out_of_range", "that is too far away"};
    const Day moved = *day + chrono::days(days);
    if (!is_in_calendar(moved)) return ToolError{"out_of_range", "that is too far away"};
    return at_date(moved);
  }
  const std::int64_t seconds = *unit == TimeUnit::second   ? 1
                               : *unit == TimeUnit::minute ? 60
                                                           : 3600;
  const Timestamp start = from == "now" ? now : Timestamp(*day);
  const Timestamp moved = start + chrono::seconds(count * seconds);
  if (!is_in_calendar(chrono::floor<chrono::days>(moved)))
    return ToolError{"out_of_range", "that is too far away"};
  return at_time(moved);
}

JsonResult work_distance(const Json& arguments, Day from, Day to) {
  const std::int64_t days = (to - from).count();
  const bool weeks = text_of(arguments, "unit") == "week";
  Json json = {{"days", days}, {"from", iso_date(from)}, {"to", iso_date(to)}};
  if (weeks) {
    json["weeks"] = days / 7;
    json["days_over"] = days % 7;
  }
  return json;
}

JsonResult work(const Json& arguments, Timestamp now) {
  const Day today = chrono::floor<chrono::days>(now);
  const std::string operation = text_of(arguments, "operation");
  const std::string date = text_of(arguments, "date");
  if (operation == "now") return at_time(now);
  if (operation == "today") return at_date(today);
  if (operation == "shift") return work_shift(arguments, now);
  if (operation == "between") {
    const auto from = parse_date(text_of(arguments, "from"), today, Side::coming);
    const auto to = parse_date(text_of(arguments, "to"), from.value_or(today), Side::coming);
    if (!from) return no_date(text_of(arguments, "from"));
    if (!to) return no_date(text_of(arguments, "to"));
    return work_distance(arguments, *from, *to);
  }
  const Side side = operation == "since" ? Side::past : Side::coming;
  const auto day = parse_date(date, today, side);
  const bool known = operation == "weekday" || operation == "until" || operation == "since";
  if (!known) return bad_arguments("the clock has no operation \"" + operation + "\"");
  if (!day) return no_date(date);
  if (operation == "weekday") return at_date(*day);
  if (operation == "until") return work_distance(arguments, today, *day);
  return work_distance(arguments, *day, today);
}

// ---- answers

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (std::abs(count) == 1 ? "" : "s");
}

std::string answer(const Json& arguments, const Json& result) {
  const std::string operation = text_of(arguments, "operation");
  if (operation == "today") return "Today is " + text_of(result, "text") + " (UTC).";
  if (result.contains("time"))
    return (operation == "now" ? "It is " : "That is ") + text_of(result, "time") + " UTC on " +
           text_of(result, "text") + ".";
  if (!result.contains("days")) return "That is " + text_of(result, "text") + ".";
  const std::string span = "from " + text_of(result, "from") + " to " + text_of(result, "to");
  if (!result.contains("weeks"))
    return counted(result.value("days", std::int64_t{0}), "day") + " " + span + ".";
  std::string text = counted(result.value("weeks", std::int64_t{0}), "week");
  if (const auto over = result.value("days_over", std::int64_t{0}); over != 0)
    text += " and " + counted(over, "day");
  return text + " " + span + ".";
}

}  // namespace

Skill clock_skill() {
  return {make_immediate_tool("clock", work), "This is about time.",
          "tell the time and reckon with dates, in UTC: \"How many days until Christmas?\"",
          understand, answer};
}

}  // namespace signalbox::router
