#include "router/agents/assistant/calculator.hpp"
#include "router/agents/assistant/phrases.hpp"
#include "router/agents/assistant/skill.hpp"

namespace signalbox::router {
namespace {

constexpr int kDigitsMax = 24;
constexpr int kDigitsRounded = 12;

std::optional<Json> understand(std::string_view question) {
  const std::string_view plain = trim_end(question, "=?.");  // not "!": 5! is one
  const auto asked = after_any(plain, {"calculate", "compute", "evaluate", "work out"});
  if (asked) return Json{{"expression", *asked}};
  const auto stripped =
      after_any(plain, {"what is", "what's", "whats", "how much is", "how much are", "solve"});
  const std::string_view expression = trim_end(stripped.value_or(plain), "=");
  // Without a word that asks for it, only what can be read as a calculation is one.
  const auto calculation = calculate(expression);
  const bool readable =
      calculation ? calculation->operations > 0 : calculation.error().code != "bad_arguments";
  if (!readable) return std::nullopt;
  return Json{{"expression", expression}};
}

JsonResult work(const Json& arguments, Timestamp) {
  const std::string expression = text_of(arguments, "expression");
  if (trim(expression).empty()) return bad_arguments("there is nothing to calculate");
  const auto calculation = calculate(expression);
  if (!calculation) return calculation.error();
  const auto text = calculation->value.to_text(kDigitsMax, kDigitsRounded);
  return Json{{"value", text.digits}, {"exact", text.exact}};
}

std::string answer(const Json& arguments, const Json& result) {
  const char* sign = result.value("exact", false) ? " = " : " ≈ ";
  return text_of(arguments, "expression") + sign + text_of(result, "value");
}

}  // namespace

Skill calculator_skill() {
  return {make_immediate_tool("calculator", work), "This is a calculation.",
          "calculate: \"What is 15% of 80?\"", understand, answer};
}

}  // namespace signalbox::router
