#include "router/agents/assistant/skill.hpp"

#include <utility>

#include "router/agents/timed_result.hpp"

namespace signalbox::router {
namespace {

class ImmediateTool : public Tool {
 public:
  ImmediateTool(std::string_view name, JsonResult (*work)(const Json&, Timestamp))
      : name_(name), work_(work) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock, Executor& executor,
                                       ToolDone done) override {
    JsonResult made = work_(parse_arguments(call.arguments), clock.now());
    ToolResult result = std::holds_alternative<Json>(made)
                            ? ToolResult(to_json_text(std::get<Json>(made)))
                            : ToolResult(std::get<ToolError>(std::move(made)));
    return std::make_unique<TimedResult>(std::chrono::microseconds(0), clock, executor,
                                         std::move(result), std::move(done));
  }

 private:
  std::string_view name_;
  JsonResult (*work_)(const Json&, Timestamp);
};

}  // namespace

std::unique_ptr<Tool> make_immediate_tool(std::string_view name,
                                          JsonResult (*work)(const Json& arguments,
                                                             Timestamp now)) {
  return std::make_unique<ImmediateTool>(name, work);
}

Json parse_arguments(const JsonText& arguments) {
  Json parsed = Json::parse(arguments.value(), nullptr, false);
  return parsed.is_object() ? parsed : Json::object();
}

JsonText to_json_text(const Json& json) {
  return JsonText(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string text_of(const Json& json, const char* field) {
  const auto found = json.find(field);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

ToolError bad_arguments(std::string message) { return {"bad_arguments", std::move(message)}; }

}  // namespace signalbox::router
