#include "router/agents/timed_result.hpp"

#include <utility>

namespace signalbox::router {

TimedResult::TimedResult(std::chrono::microseconds delay, const Clock& clock, Executor& executor,
                         ToolResult result, ToolDone done)
    : executor_(executor),
      result_(std::move(result)),
      done_(std::move(done)),
      timer_(executor.call_at(clock.monotonic() + delay, [this] { deliver(); })) {}

TimedResult::~TimedResult() { executor_.cancel(timer_); }

void TimedResult::deliver() {
  // `done` may destroy this object, so nothing of it may be in use while it runs.
  const ToolDone done = std::move(done_);
  ToolResult result = std::move(result_);
  done(std::move(result));
}

}  // namespace signalbox::router
