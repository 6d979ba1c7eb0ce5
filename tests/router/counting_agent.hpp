// CountingAgent: an agent whose calls are counted by the outside world, over all processes that
// ever made them. Lives as long as the registry it is added to; one thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "router/agents/agent.hpp"

namespace signalbox::router {

// Counts calls by call id, over all processes: the outside world. `on_call`, if any, is told of
// each first.
class CountingTool final : public Tool {
 public:
  using OnCall = std::function<void(const CallId&)>;
  CountingTool(std::map<CallId, int>& calls, OnCall on_call)
      : calls_(calls), on_call_(std::move(on_call)) {}
  [[nodiscard]] std::string_view name() const override { return "count"; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  [[nodiscard]] std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock,
                                                     Executor& executor, ToolDone done) override {
    if (on_call_) on_call_(call.call_id);
    ++calls_[call.call_id];
    const TimerId timer = executor.call_at(clock.monotonic() + std::chrono::milliseconds(30),
                                           [done] { done(JsonText("{}")); });
    return std::make_unique<Wait>(executor, timer);
  }

 private:
  struct Wait final : ToolExecution {
    Wait(Executor& on, TimerId id) : executor(on), timer(id) {}
    ~Wait() override { executor.cancel(timer); }
    Executor& executor;
    TimerId timer;
  };
  std::map<CallId, int>& calls_;
  OnCall on_call_;
};

// Two calls with a thought between them.
class CountingAgent final : public Agent {
 public:
  explicit CountingAgent(std::map<CallId, int>& calls, CountingTool::OnCall on_call = {})
      : tool_(calls, std::move(on_call)) {}
  [[nodiscard]] std::string_view name() const override { return "count"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] Tool* find_tool(std::string_view) override { return &tool_; }
  [[nodiscard]] AgentTask start(AgentRun& run) override {
    co_await run.call_tool("count", JsonText("{}"));
    co_await run.think("once more");
    co_await run.call_tool("count", JsonText("{}"));
    co_return AgentAnswer{.content = run.content()};
  }

 private:
  CountingTool tool_;
};

}  // namespace signalbox::router
