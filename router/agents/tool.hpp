// Tool: something an agent can have done. It runs asynchronously on the router's executor and must
// not block it; what takes real work or I/O goes elsewhere and comes back by post(). Its errors are
// results; it must not throw.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <variant>

#include "event-store/model/clock.hpp"
#include "event-store/model/context.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/json_text.hpp"

namespace signalbox::router {

// What happens to a call whose owner died before its result was recorded: the next owner calls
// again (the tool is idempotent by call_id), asks the tool for the call that is under way, or
// records that the outcome is unknown and lets the agent go on. A tool whose calls take more than
// 30 s should be reattach, or every take-over costs the whole call once more. Nobody checks that: a
// tool does not say how long it takes. What is checked is the step's deadline (AgentDeadlines).
enum class OnUnknown { retry, reattach, fail };

using ToolResult = std::variant<JsonText, ToolError>;

struct ToolCall {
  UserExecutionContext context;
  CallId call_id;  // the tool's idempotency key
  JsonText arguments;
};

// Runs once, on the executor the call was started with, never inside start() or reattach().
using ToolDone = std::function<void(ToolResult)>;

// A call under way; destroying it on the call's executor ends the wait, and `done` will not run.
class ToolExecution {
 public:
  virtual ~ToolExecution() = default;
};

class Tool {
 public:
  virtual ~Tool() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual OnUnknown on_unknown() const { return OnUnknown::fail; }
  [[nodiscard]] virtual std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock,
                                                             Executor& executor, ToolDone done) = 0;
  // Only for OnUnknown::reattach: waits for a call that an earlier owner may have started.
  [[nodiscard]] virtual std::unique_ptr<ToolExecution> reattach(ToolCall call, const Clock& clock,
                                                                Executor& executor, ToolDone done) {
    return start(std::move(call), clock, executor, std::move(done));
  }
};

}  // namespace signalbox::router
