// Skill: one thing the assistant can do: it knows its questions, has a tool for them and puts the
// tool's result into words. A skill is constant once made. Everything but the tool is pure.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/archive/user_history.hpp"
#include "router/agents/tool.hpp"

namespace signalbox::router {

using Json = nlohmann::json;

struct Skill {
  std::unique_ptr<Tool> tool;
  std::string_view thought;  // shown before the tool is called
  std::string_view example;  // for the help text
  // The tool's arguments, where the question is one for this skill.
  std::optional<Json> (*understand)(std::string_view question);
  // The answer in words; both are what went through the log.
  std::string (*answer)(const Json& arguments, const Json& result);
};

[[nodiscard]] Skill calculator_skill();  // tool `calculator`
[[nodiscard]] Skill clock_skill();       // tool `clock`
[[nodiscard]] Skill unit_skill();        // tool `unit_conversion`
[[nodiscard]] Skill text_skill();        // tool `text`
// Tool `history_search`; `history` may be null and outlives the skill.
[[nodiscard]] Skill history_skill(event_store::UserHistory* history);

// ---- for tools

using JsonResult = std::variant<Json, ToolError>;

// A tool that needs nothing but its arguments and the time: it works at once, and its result comes
// by a timer of the executor. Idempotent, so on_unknown is retry.
[[nodiscard]] std::unique_ptr<Tool> make_immediate_tool(std::string_view name,
                                                        JsonResult (*work)(const Json& arguments,
                                                                           Timestamp now));

// Arguments that are no JSON object become an empty one.
[[nodiscard]] Json parse_arguments(const JsonText& arguments);
[[nodiscard]] JsonText to_json_text(const Json& json);
// Empty where the field is absent or no text.
[[nodiscard]] std::string text_of(const Json& json, const char* field);
[[nodiscard]] ToolError bad_arguments(std::string message);

}  // namespace signalbox::router
