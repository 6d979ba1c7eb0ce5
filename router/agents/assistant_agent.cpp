#include "router/agents/assistant_agent.hpp"

#include <utility>

#include "router/agents/answer_pieces.hpp"
#include "router/agents/assistant/phrases.hpp"

namespace signalbox::router {
namespace {

std::string help(const std::vector<Skill>& skills) {
  std::string text = "I work without a language model. I can";
  for (const Skill& skill : skills) text += "\n- " + std::string(skill.example);
  return text;
}

// What needs no tool: greetings, thanks, and what it can do.
std::optional<std::string> small_talk(const std::vector<Skill>& skills, std::string_view question) {
  const std::string_view q = trim_end(question, "?!.,");
  if (is_any(q, {"help", "help me", "what can you do", "what can i ask", "what can i ask you",
                 "what do you do", "how can you help me", "what are you able to do", "commands",
                 "who are you", "what are you", "how do you work"}))
    return help(skills);
  if (is_any(q, {"hello", "hi", "hey", "hello there", "hi there", "good morning", "good afternoon",
                 "good evening", "good day", "greetings"}))
    return "Hello! Ask me something, or say \"help\" to see what I can do.";
  if (is_any(q, {"how are you", "how are you doing", "how do you do"}))
    return "All is well here, thank you. Ask me something, or say \"help\" to see what I can do.";
  if (is_any(q, {"thanks", "thank you", "thank you very much", "thanks a lot", "many thanks"}))
    return "You are welcome.";
  if (is_any(q, {"bye", "goodbye", "good bye", "see you", "good night"})) return "Goodbye!";
  return std::nullopt;
}

struct Plan {
  const Skill* skill;
  Json arguments;
};

std::optional<Plan> make_plan(const std::vector<Skill>& skills, std::string_view question) {
  for (const Skill& skill : skills)
    if (auto arguments = skill.understand(question)) return Plan{&skill, std::move(*arguments)};
  return std::nullopt;
}

constexpr const char* kNoAnswer =
    "I cannot answer that. I work without a language model and only know what my tools can find "
    "out. Say \"help\" to see what I can do.";

std::string in_words(const Plan& plan, const ToolResult& result) {
  if (const auto* error = std::get_if<ToolError>(&result))
    return "I could not do that: " + error->message + ".";
  return plan.skill->answer(plan.arguments, parse_arguments(std::get<JsonText>(result)));
}

}  // namespace

AssistantAgent::AssistantAgent(event_store::UserHistory* history) {
  // A later skill must not see what an earlier one is asked: "search for 2 + 2".
  skills_.push_back(history_skill(history));
  skills_.push_back(text_skill());
  skills_.push_back(clock_skill());
  skills_.push_back(unit_skill());
  skills_.push_back(calculator_skill());
}

Tool* AssistantAgent::find_tool(std::string_view tool_name) {
  for (const Skill& skill : skills_)
    if (skill.tool->name() == tool_name) return skill.tool.get();
  return nullptr;
}

AgentTask AssistantAgent::start(AgentRun& run) {
  const std::string_view question = strip_politeness(run.content());
  std::optional<std::string> answer = small_talk(skills_, question);
  if (const auto plan = answer ? std::nullopt : make_plan(skills_, question)) {
    co_await run.think(std::string(plan->skill->thought));
    const JsonText arguments = to_json_text(plan->arguments);
    const ToolResult result =
        co_await run.call_tool(std::string(plan->skill->tool->name()), arguments);
    answer = in_words(*plan, result);
  }
  if (!answer) answer = kNoAnswer;
  respond_in_pieces(run, *answer);
  co_return AgentAnswer{std::move(*answer)};
}

}  // namespace signalbox::router
