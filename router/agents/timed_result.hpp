// TimedResult: a tool call whose result is known when it starts and delivered after a delay by a
// timer of the call's executor. Destroying it stops the timer, and `done` does not run.
#pragma once

#include <chrono>

#include "event-store/model/clock.hpp"
#include "router/agents/tool.hpp"

namespace signalbox::router {

class TimedResult : public ToolExecution {
 public:
  TimedResult(std::chrono::microseconds delay, const Clock& clock, Executor& executor,
              ToolResult result, ToolDone done);
  TimedResult(const TimedResult&) = delete;
  TimedResult& operator=(const TimedResult&) = delete;
  ~TimedResult() override;

 private:
  void deliver();

  Executor& executor_;
  ToolResult result_;
  ToolDone done_;
  TimerId timer_;
};

}  // namespace signalbox::router
