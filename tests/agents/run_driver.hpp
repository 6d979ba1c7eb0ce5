// RunDriver: plays one run of an agent to its end without a log, as a supervisor would: every step
// is recorded, steps recorded earlier are fed back instead of done again, and a run can be left in
// the middle to be continued by another driver from what was recorded.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "router/agents/agent.hpp"
#include "tests/agents/manual_executor.hpp"

namespace signalbox::testing {

struct RecordedStep {
  router::StepRequest request;
  router::StepResult result;
};

// One line per step, for comparing runs and for messages of failed tests.
[[nodiscard]] std::string to_text(const RecordedStep& step);
[[nodiscard]] std::vector<std::string> to_text(const std::vector<RecordedStep>& steps);

class RunDriver : private router::StepDriver {
 public:
  RunDriver(router::Agent& agent, router::AgentRun::Input input, FixedClock& clock,
            ManualExecutor& executor);
  ~RunDriver() override;

  // Results of an earlier life of the same run; given back as long as the agent takes those steps.
  void replay(std::vector<RecordedStep> recorded);
  // What the person says to the next ask().
  void answer_next_ask(JsonText answer) { answers_.push_back(std::move(answer)); }

  // Runs until the agent ended or `steps_max` steps are recorded. False: there it stands, with its
  // next step begun and without result.
  bool run(std::size_t steps_max = static_cast<std::size_t>(-1));

  // After the end: the answer, or nothing when the agent threw.
  [[nodiscard]] const std::optional<router::AgentAnswer>& answer() const { return answer_; }
  [[nodiscard]] std::exception_ptr failure() const { return failure_; }
  // True when the agent took another step than the recorded one.
  [[nodiscard]] bool diverged() const { return diverged_; }
  [[nodiscard]] const std::vector<RecordedStep>& steps() const { return steps_; }
  // Everything that was given to respond(), in order.
  [[nodiscard]] const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  void begin(router::StepRequest request) override;
  void respond(std::string_view piece) override;
  bool carry_out(const router::StepRequest& request);
  bool call_tool(const router::ToolStep& step);
  void record(router::StepResult result);

  router::Agent& agent_;
  FixedClock& clock_;
  ManualExecutor& executor_;
  router::AgentRun run_;
  std::optional<router::AgentTask> task_;
  std::optional<router::StepRequest> begun_;
  std::deque<RecordedStep> recorded_;
  std::deque<JsonText> answers_;
  std::vector<RecordedStep> steps_;
  std::vector<std::string> pieces_;
  std::unique_ptr<router::ToolExecution> execution_;
  std::optional<router::AgentAnswer> answer_;
  std::exception_ptr failure_;
  bool resuming_ = false;
  bool diverged_ = false;
};

// A context with made-up ids; `number` makes the run, and so its call ids, another one.
[[nodiscard]] UserExecutionContext test_context(std::string thread, int number = 1);
// Distinct per run and step, equal for the same two, as the product's call ids are.
[[nodiscard]] CallId test_call_id(const RunId& run, std::size_t step);

}  // namespace signalbox::testing
