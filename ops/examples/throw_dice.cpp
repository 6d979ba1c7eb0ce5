#include "ops/examples/throw_dice.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "router/agents/timed_result.hpp"

namespace dice {

using nlohmann::json;
using namespace signalbox::router;

std::unique_ptr<ToolExecution> ThrowDice::start(ToolCall call, const signalbox::Clock& clock,
                                                signalbox::Executor& executor, ToolDone done) {
  const json arguments = json::parse(call.arguments.value(), nullptr, false);
  const auto found = arguments.find("dice");  // end() also where they are no object
  const bool is_whole = found != arguments.end() && found->is_number_integer();
  const auto dice = is_whole ? found->get<std::int64_t>() : 0;
  ToolResult result = signalbox::ToolError{"bad_arguments", "there are 1 to 100 dice"};
  if (dice >= 1 && dice <= 100) {
    json faces = json::array();
    for (int i = 0; i < dice; ++i) faces.push_back(die_());
    result = signalbox::JsonText(json{{"faces", faces}}.dump());
  }
  // The result comes later, by a timer of the executor, never inside start().
  constexpr std::chrono::milliseconds kInTheAir{20};
  return std::make_unique<TimedResult>(kInTheAir, clock, executor, std::move(result),
                                       std::move(done));
}

}  // namespace dice
