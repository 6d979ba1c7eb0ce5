// Agent `dice`: "throw 3 dice" is answered with three faces and their sum.
#pragma once

#include "ops/examples/throw_dice.hpp"
#include "router/agents/agent.hpp"

namespace dice {

class DiceAgent final : public signalbox::router::Agent {
 public:
  explicit DiceAgent(ThrowDice::Die die) : throw_dice_(std::move(die)) {}

  [[nodiscard]] std::string_view name() const override { return "dice"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] signalbox::router::Tool* find_tool(std::string_view tool_name) override {
    return tool_name == throw_dice_.name() ? &throw_dice_ : nullptr;
  }
  [[nodiscard]] signalbox::router::AgentTask start(signalbox::router::AgentRun& run) override;

 private:
  ThrowDice throw_dice_;
};

}  // namespace dice
