#include "router/agents/assistant/phrases.hpp"
#include "router/agents/assistant/skill.hpp"
#include "router/agents/assistant/units.hpp"

namespace signalbox::router {
namespace {

constexpr int kDigitsMax = 12;
constexpr int kDigitsRounded = 6;

struct Amount {
  std::string_view value;  // empty where there is only a unit
  std::string_view unit;
};

bool is_of_number(char c) { return is_digit(c) || c == '.' || c == ',' || c == '-' || c == '/'; }

// "5 km", "5km", "half a mile", "mile".
std::optional<Amount> parse_amount(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_of_number(text[end])) ++end;
  if (end > 0) {
    if (!parse_quantity(text.substr(0, end))) return std::nullopt;
    return Amount{text.substr(0, end), trim(text.substr(end))};
  }
  for (const std::string_view words : {"half a", "half an", "a", "an"})
    if (const auto unit = after_any(text, {words}))
      return Amount{text.substr(0, words.size()), *unit};
  const std::size_t space = std::min(text.find(' '), text.size());
  if (parse_quantity(text.substr(0, space)))
    return Amount{text.substr(0, space), trim(text.substr(space))};
  return Amount{"", text};
}

Json arguments_of(const Amount& amount, std::string_view to) {
  return Json{
      {"value", amount.value.empty() ? "1" : amount.value}, {"from", amount.unit}, {"to", to}};
}

// Both sides of "in", "to", "into" or "as" where both are units; "in" may also be an inch.
std::optional<Json> two_sides(std::string_view text, bool units_must_be_known) {
  for (const std::string_view separator : {"to", "into", "in", "as"}) {
    for (std::size_t start = 0; start < text.size();) {
      const auto sides = split_at(text, separator, start);
      if (!sides) break;
      start = static_cast<std::size_t>(sides->second.data() - text.data());
      const auto amount = parse_amount(sides->first);
      if (!amount || sides->second.empty() || amount->unit.empty()) continue;
      const bool known = find_unit(amount->unit) != nullptr && find_unit(sides->second) != nullptr;
      if (known || !units_must_be_known) return arguments_of(*amount, sides->second);
    }
  }
  return std::nullopt;
}

// "how many feet are there in a mile"
std::optional<Json> how_many(std::string_view text) {
  for (const std::string_view verb :
       {"are there in", "are in", "is in", "make up", "make", "in", "is", "are", "equal"}) {
    const auto sides = split_at(text, verb);
    if (!sides || find_unit(sides->first) == nullptr) continue;
    const auto amount = parse_amount(sides->second);
    if (amount && find_unit(amount->unit) != nullptr) return arguments_of(*amount, sides->first);
  }
  return std::nullopt;
}

std::optional<Json> understand(std::string_view question) {
  const std::string_view q = trim_end(question, "?!.");
  if (const auto wanted = after_any(q, {"how many", "how much"}))
    if (auto found = how_many(*wanted)) return found;
  if (const auto asked = after_any(q, {"convert", "change"})) {
    if (auto found = two_sides(*asked, true)) return found;
    // Asked in so many words, the tool says what it does not know.
    const auto amount = parse_amount(*asked);
    return amount && !amount->value.empty() ? two_sides(*asked, false) : std::nullopt;
  }
  const auto rest = after_any(q, {"what is", "what's", "whats", "how much is", "what are"});
  return two_sides(rest.value_or(q), true);
}

JsonResult work(const Json& arguments, Timestamp) {
  const std::string value_text = text_of(arguments, "value");
  const auto value = parse_quantity(value_text);
  if (!value) return bad_arguments("\"" + value_text + "\" is no amount I can read");
  const Unit* units[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string name = text_of(arguments, i == 0 ? "from" : "to");
    units[i] = find_unit(name);
    if (units[i] == nullptr) return bad_arguments("I do not know the unit \"" + name + "\"");
  }
  const auto converted = convert(*value, *units[0], *units[1]);
  if (!converted) return converted.error();
  const auto from = value->to_text(kDigitsMax, kDigitsRounded);
  const auto to = converted->to_text(kDigitsMax, kDigitsRounded);
  return Json{{"value", from.digits},
              {"from", units[0]->symbol},
              {"result", to.digits},
              {"to", units[1]->symbol},
              {"exact", from.exact && to.exact}};
}

std::string answer(const Json&, const Json& result) {
  return text_of(result, "value") + " " + text_of(result, "from") +
         (result.value("exact", false) ? " = " : " ≈ ") + text_of(result, "result") + " " +
         text_of(result, "to");
}

}  // namespace

Skill unit_skill() {
  return {make_immediate_tool("unit_conversion", work), "This is a conversion of units.",
          "convert units of length, mass, temperature, volume, speed, time and data size: "
          "\"How many feet are in a mile?\"",
          understand, answer};
}

}  // namespace signalbox::router
