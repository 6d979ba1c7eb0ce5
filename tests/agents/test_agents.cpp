#include "tests/agents/test_agents.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace signalbox::testing {

using router::AgentAnswer;
using router::AgentRun;
using router::AgentTask;
using router::OnUnknown;
using router::Tool;
using router::ToolCall;
using router::ToolDone;
using router::ToolExecution;
using router::ToolResult;

namespace {

constexpr const char* kConfirmSchema =
    R"({"type":"object","properties":{"confirmed":{"type":"boolean"}},)"
    R"("required":["confirmed"],"additionalProperties":false})";

std::string outcome_text(const ToolResult& result) {
  if (const auto* error = std::get_if<ToolError>(&result)) return "error " + error->code;
  return "done";
}

class SlowCall : public ToolExecution {
 public:
  SlowCall(std::chrono::milliseconds duration, const Clock& clock, Executor& executor,
           std::shared_ptr<SlowToolCalls> calls, ToolDone done)
      : executor_(executor), calls_(std::move(calls)), done_(std::move(done)) {
    timer_ = executor_.call_at(clock.monotonic() + duration, [this, duration] {
      timer_ = TimerId::none;
      ++calls_->finished;
      const auto finish = std::move(done_);  // it may destroy this object
      finish(JsonText(nlohmann::json{{"slept_ms", duration.count()}}.dump()));
    });
  }
  ~SlowCall() override {
    if (timer_ == TimerId::none) return;
    executor_.cancel(timer_);
    ++calls_->abandoned;
  }

 private:
  Executor& executor_;
  std::shared_ptr<SlowToolCalls> calls_;
  ToolDone done_;
  TimerId timer_ = TimerId::none;
};

class SlowTool : public Tool {
 public:
  SlowTool(std::chrono::milliseconds duration, OnUnknown on_unknown,
           std::shared_ptr<SlowToolCalls> calls)
      : duration_(duration), on_unknown_(on_unknown), calls_(std::move(calls)) {}
  [[nodiscard]] std::string_view name() const override { return "slow"; }
  [[nodiscard]] OnUnknown on_unknown() const override { return on_unknown_; }
  std::unique_ptr<ToolExecution> start(ToolCall, const Clock& clock, Executor& executor,
                                       ToolDone done) override {
    ++calls_->started;
    return std::make_unique<SlowCall>(duration_, clock, executor, calls_, std::move(done));
  }
  std::unique_ptr<ToolExecution> reattach(ToolCall, const Clock& clock, Executor& executor,
                                          ToolDone done) override {
    ++calls_->reattached;
    return std::make_unique<SlowCall>(duration_, clock, executor, calls_, std::move(done));
  }

 private:
  std::chrono::milliseconds duration_;
  OnUnknown on_unknown_;
  std::shared_ptr<SlowToolCalls> calls_;
};

class HugeCall : public ToolExecution {
 public:
  HugeCall(const Clock& clock, Executor& executor, ToolDone done) : executor_(executor) {
    timer_ = executor_.call_at(clock.monotonic(), [finish = std::move(done)] {
      const auto copy = finish;  // it may destroy this object, and the timer with it
      copy(JsonText('"' + std::string(kHugeBytes, 'h') + '"'));
    });
  }
  ~HugeCall() override { executor_.cancel(timer_); }

 private:
  Executor& executor_;
  TimerId timer_ = TimerId::none;
};

class HugeTool : public Tool {
 public:
  [[nodiscard]] std::string_view name() const override { return "huge"; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  std::unique_ptr<ToolExecution> start(ToolCall, const Clock& clock, Executor& executor,
                                       ToolDone done) override {
    return std::make_unique<HugeCall>(clock, executor, std::move(done));
  }
};

}  // namespace

AgentTask EchoAgent::start(AgentRun& run) {
  co_await run.think("echo");
  const std::string& content = run.content();
  for (std::size_t at = 0; at < content.size();) {
    std::size_t end = std::min(at + 8, content.size());
    while (end < content.size() && (content[end] & 0xc0) == 0x80) ++end;  // whole code points
    run.respond(std::string_view(content).substr(at, end - at));
    at = end;
  }
  const int runs = run.memory() ? std::stoi(*run.memory()) : 0;
  co_return AgentAnswer{content, std::to_string(runs + 1)};
}

AgentTask AskAgent::start(AgentRun& run) {
  const JsonText answer = co_await run.ask("Shall I?", JsonText(kConfirmSchema), expires_after_);
  const bool confirmed = nlohmann::json::parse(answer.value()).at("confirmed").get<bool>();
  co_return AgentAnswer{confirmed ? "Confirmed." : "Not confirmed."};
}

AgentTask CrashAgent::start(AgentRun& run) {
  co_await run.think("this will not end well");
  throw std::runtime_error("the agent broke");
}

SlowToolAgent::SlowToolAgent(std::chrono::milliseconds duration, OnUnknown on_unknown,
                             std::shared_ptr<SlowToolCalls> calls)
    : tool_(std::make_unique<SlowTool>(duration, on_unknown, std::move(calls))) {}
SlowToolAgent::~SlowToolAgent() = default;

Tool* SlowToolAgent::find_tool(std::string_view tool_name) {
  return tool_name == tool_->name() ? tool_.get() : nullptr;
}

AgentTask SlowToolAgent::start(AgentRun& run) {
  const JsonText arguments(nlohmann::json{{"request", run.content()}}.dump());
  const ToolResult result = co_await run.call_tool("slow", arguments);
  co_return AgentAnswer{outcome_text(result)};
}

HugeAnswerAgent::HugeAnswerAgent() : tool_(std::make_unique<HugeTool>()) {}
HugeAnswerAgent::~HugeAnswerAgent() = default;

Tool* HugeAnswerAgent::find_tool(std::string_view tool_name) {
  return tool_name == tool_->name() ? tool_.get() : nullptr;
}

AgentTask HugeAnswerAgent::start(AgentRun& run) {
  if (run.content() == "tool") {
    const ToolResult result = co_await run.call_tool("huge", JsonText("{}"));
    co_return AgentAnswer{outcome_text(result)};
  }
  co_await run.think("this will be long");
  co_return AgentAnswer{std::string(kHugeBytes, 'h')};
}

AgentTask DivergingAgent::start(AgentRun& run) {
  co_await run.think(take_other_way ? "other way" : "first way");
  co_await run.ask("Go on?", JsonText(kConfirmSchema), std::chrono::minutes(5));
  co_return AgentAnswer{"done"};
}

}  // namespace signalbox::testing
