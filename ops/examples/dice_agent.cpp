#include "ops/examples/dice_agent.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

namespace dice {

using nlohmann::json;
using namespace signalbox::router;

namespace {

// The first number in the text; two dice where there is none.
int dice_asked_for(std::string_view text) {
  int dice = 2;
  const std::size_t at = text.find_first_of("0123456789");
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at, text.data() + text.size(), dice);
  return dice;
}

std::string in_words(const json& faces) {
  int sum = 0;
  std::string words;
  for (const json& face : faces) {
    sum += face.get<int>();
    words += (words.empty() ? "" : " + ") + std::to_string(face.get<int>());
  }
  return words + " = " + std::to_string(sum);
}

}  // namespace

AgentTask DiceAgent::start(AgentRun& run) {
  const int dice = dice_asked_for(run.content());
  co_await run.think("There are " + std::to_string(dice) + " dice to be thrown.");

  const signalbox::JsonText arguments(json{{"dice", dice}}.dump());
  const ToolResult thrown = co_await run.call_tool("throw_dice", arguments);
  if (const auto* error = std::get_if<signalbox::ToolError>(&thrown))
    co_return AgentAnswer{"I cannot throw them: " + error->message + "."};

  const json result = json::parse(std::get<signalbox::JsonText>(thrown).value());
  std::string answer = in_words(result["faces"]);
  run.respond(answer);
  if (run.memory()) answer += "; the throw before was " + *run.memory();
  co_return AgentAnswer{.content = answer, .memory = in_words(result["faces"]).substr(0, 256)};
}

}  // namespace dice
