// Tool `throw_dice`: {"dice": 3} gives {"faces": [2, 6, 1]}.
#pragma once

#include <functional>

#include "router/agents/tool.hpp"

namespace dice {

class ThrowDice final : public signalbox::router::Tool {
 public:
  // Gives the next face, 1 to 6.
  using Die = std::function<int()>;
  explicit ThrowDice(Die die) : die_(std::move(die)) {}

  [[nodiscard]] std::string_view name() const override { return "throw_dice"; }
  [[nodiscard]] signalbox::router::OnUnknown on_unknown() const override {
    return signalbox::router::OnUnknown::retry;
  }
  [[nodiscard]] std::unique_ptr<signalbox::router::ToolExecution> start(
      signalbox::router::ToolCall call, const signalbox::Clock& clock,
      signalbox::Executor& executor, signalbox::router::ToolDone done) override;

 private:
  Die die_;
};

}  // namespace dice
