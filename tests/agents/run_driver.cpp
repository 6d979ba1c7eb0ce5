#include "tests/agents/run_driver.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox::testing {

using router::AskStep;
using router::StepRequest;
using router::StepResult;
using router::ThinkDone;
using router::ThinkStep;
using router::ToolResult;
using router::ToolStep;

namespace {

std::string to_text(const StepRequest& request) {
  if (const auto* think = std::get_if<ThinkStep>(&request)) return "think " + think->content;
  if (const auto* tool = std::get_if<ToolStep>(&request))
    return "tool " + tool->name + " " + tool->arguments.value();
  const auto& ask = std::get<AskStep>(request);
  return "ask " + ask.prompt + " " + ask.schema.value() + " " +
         std::to_string(ask.expires_after.count()) + "s";
}

std::string to_text(const StepResult& result) {
  if (std::holds_alternative<ThinkDone>(result)) return "done";
  if (const auto* answer = std::get_if<JsonText>(&result)) return answer->value();
  const auto& of_tool = std::get<ToolResult>(result);
  if (const auto* value = std::get_if<JsonText>(&of_tool)) return value->value();
  const auto& error = std::get<ToolError>(of_tool);
  return "error " + error.code + ": " + error.message;
}

}  // namespace

std::string to_text(const RecordedStep& step) {
  return to_text(step.request) + " -> " + to_text(step.result);
}

std::vector<std::string> to_text(const std::vector<RecordedStep>& steps) {
  std::vector<std::string> lines;
  for (const auto& step : steps) lines.push_back(to_text(step));
  return lines;
}

RunDriver::RunDriver(router::Agent& agent, router::AgentRun::Input input, FixedClock& clock,
                     ManualExecutor& executor)
    : agent_(agent), clock_(clock), executor_(executor), run_(std::move(input), *this) {}

RunDriver::~RunDriver() = default;

void RunDriver::replay(std::vector<RecordedStep> recorded) {
  recorded_.assign(recorded.begin(), recorded.end());
}

void RunDriver::begin(StepRequest request) {
  SIGNALBOX_ASSERT(resuming_ && !begun_);
  begun_ = std::move(request);
}

void RunDriver::respond(std::string_view piece) {
  SIGNALBOX_ASSERT(resuming_);
  pieces_.emplace_back(piece);
}

bool RunDriver::run(std::size_t steps_max) {
  while (true) {
    if (!begun_) {
      if (!task_) task_.emplace(agent_.start(run_));
      resuming_ = true;
      task_->resume();
      resuming_ = false;
    }
    if (task_->done()) {
      answer_ = task_->answer();
      failure_ = task_->failure();
      return true;
    }
    SIGNALBOX_ASSERT(begun_);
    if (steps_.size() >= steps_max || !carry_out(*begun_)) return false;
  }
}

bool RunDriver::carry_out(const StepRequest& request) {
  if (!recorded_.empty()) {
    RecordedStep step = std::move(recorded_.front());
    recorded_.pop_front();
    diverged_ = to_text(step.request) != to_text(request);
    if (diverged_) return false;
    record(std::move(step.result));
    return true;
  }
  if (const auto* tool = std::get_if<ToolStep>(&request)) return call_tool(*tool);
  if (std::holds_alternative<ThinkStep>(request)) {
    record(ThinkDone{});
    return true;
  }
  if (answers_.empty()) return false;
  JsonText answer = std::move(answers_.front());
  answers_.pop_front();
  record(std::move(answer));
  return true;
}

bool RunDriver::call_tool(const ToolStep& step) {
  router::Tool* tool = agent_.find_tool(step.name);
  SIGNALBOX_ASSERT(tool != nullptr);
  std::optional<ToolResult> result;
  router::ToolCall call{run_.context(), test_call_id(run_.context().run_id, steps_.size() + 1),
                        step.arguments};
  bool starting = true;
  execution_ = tool->start(std::move(call), clock_, executor_, [&](ToolResult done) {
    SIGNALBOX_ASSERT(!starting && !result);
    result = std::move(done);
  });
  starting = false;
  while (!result && executor_.run_one()) {
  }
  execution_.reset();
  if (!result) return false;
  record(std::move(*result));
  return true;
}

void RunDriver::record(StepResult result) {
  steps_.push_back({std::move(*begun_), result});
  begun_.reset();
  run_.deliver(std::move(result));
}

UserExecutionContext test_context(std::string thread, int number) {
  Uuid run;
  run.bytes[0] = 0x5b;
  run.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  run.bytes[15] = static_cast<std::uint8_t>(number);
  return {UserId("105945141827451681156"), ThreadId(std::move(thread)), RunId(run),
          WebsocketClientId("ws_10594514_1757335346_19513def")};
}

CallId test_call_id(const RunId& run, std::size_t step) {
  Uuid call = run.value();
  call.bytes[0] = 0xca;
  call.bytes[8] = static_cast<std::uint8_t>(step * 37);
  call.bytes[9] = static_cast<std::uint8_t>(step);
  return CallId(call);
}

}  // namespace signalbox::testing
