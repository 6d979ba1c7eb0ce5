// Supervisor: runs one agent for one UserExecutionContext. It numbers the agent's steps, states
// each through its emitter, lets an effect start and the agent go on only once the step counts,
// feeds recorded steps back after a take-over, and ends the run with exactly one terminal event
// (design 3, contract 11). Made only by SupervisorFactory. Destroying it ends whatever it waits
// for, without an event. Thread: the router's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/contract/write_version.hpp"
#include "event-store/model/clock.hpp"
#include "router/agents/agent.hpp"
#include "router/routing_state.hpp"
#include "router/user_emitter.hpp"

namespace signalbox::router {

struct SupervisorOptions {
  // Unless the agent was added with others (AgentDeadlines).
  std::chrono::milliseconds step_deadline{60'000};  // then the tool's result is an error `deadline`
  std::chrono::milliseconds run_deadline{900'000};  // then agent_failed{deadline}
  std::chrono::milliseconds run_left_min{1'000};    // what a resumed run gets at least
  std::chrono::milliseconds cancel_grace{
      5'000};  // from a cancel to agent_cancelled, if a step is on
  std::chrono::milliseconds progress_interval{100};  // between two pieces of an answer
  std::size_t progress_bytes = 4096;                 // that go out without waiting for it
  std::size_t event_value_bytes_max = 512 * 1024;
  event_store::WriteVersion write_version{};  // of what it and its term state
};

// Everything a run is started or continued from.
struct RunBriefing {
  UserExecutionContext context;
  Attempt attempt{1};
  std::string content;
  std::optional<std::string> memory;
  std::vector<RecordedStep> steps;
  std::chrono::milliseconds time_left;
};

class Supervisor final : private StepDriver {
 public:
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  [[nodiscard]] const UserExecutionContext& context() const { return emitter_.context(); }

  // Lets the agent run to its first await. Once.
  void start();
  // An event of this run, or run_input_received for it, was read back: it counts.
  void on_counted(const EventData& data);
  // The user asked for the run to end: it does when the step under way ends, or cancel_grace later.
  void cancel(std::string by);
  // An answer to that question was stated in time: it does not expire any more, however long it
  // takes until the answer counts.
  void expect_answer(const RequestId& request);
  // The partition is about to be released: finish the step under way, begin no other.
  void halt() { halting_ = true; }
  // True while a tool works for it.
  [[nodiscard]] bool is_in_step() const { return execution_ != nullptr; }

 private:
  friend class SupervisorFactory;
  Supervisor(RunBriefing briefing, UserEmitter emitter, Agent& agent, const Clock& clock,
             Executor& executor, SupervisorOptions options);

  // StepDriver
  void begin(StepRequest request) override;
  void respond(std::string_view piece) override;

  void replay(const RecordedStep& recorded, StepRequest request);
  void replay_call(const RecordedCall& recorded);
  void state_step(StepRequest request);
  void start_tool(bool reattach);
  void finish_tool(ToolResult result);
  void wait_for_input(Timestamp expires);
  void take_input(const RunInputReceived& input);
  void deliver(StepResult result);
  void deliver_later(StepResult result);
  void resume_agent();
  void finish();
  void complete(AgentAnswer answer);
  void end(EventData terminal);
  void fail(FailureCode code, std::string message);
  void emit(EventData data);
  [[nodiscard]] bool is_too_large(const EventData& data) const;
  void flush_progress();
  void start_run_timer();
  void stop_timer(TimerId& timer);

  UserEmitter emitter_;
  Agent& agent_;
  const Clock& clock_;
  Executor& executor_;
  SupervisorOptions options_;
  Attempt attempt_;
  std::vector<RecordedStep> recorded_;
  std::chrono::nanoseconds time_left_;
  MonotonicTime timer_started_{};

  AgentRun run_;
  std::optional<AgentTask> task_;
  Step step_{0};
  std::optional<ToolStep> tool_step_;  // stated or running
  bool recall_ = false;                // the call was in flight when its owner was lost
  bool waiting_ = false;               // for the answer to the question of step_
  std::optional<RequestId> answered_;  // the question whose answer is about to count
  std::unique_ptr<ToolExecution> execution_;
  std::optional<std::string> cancelled_by_;
  bool halting_ = false;
  bool ended_ = false;

  std::string progress_;
  std::int32_t progress_index_ = 0;
  std::int64_t progress_offset_ = 0;
  std::optional<MonotonicTime> progress_sent_at_;

  TimerId run_timer_ = TimerId::none;
  TimerId step_timer_ = TimerId::none;
  TimerId cancel_timer_ = TimerId::none;
  TimerId progress_timer_ = TimerId::none;
  TimerId expiry_timer_ = TimerId::none;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Makes supervisors, and is the only one who can. Outlives them. Thread: any.
class SupervisorFactory {
 public:
  SupervisorFactory(const AgentRegistry& agents, const Clock& clock, SupervisorOptions options)
      : agents_(agents), clock_(clock), options_(options) {}

  // Null where the registry has no agent of that name.
  [[nodiscard]] std::unique_ptr<Supervisor> create_supervisor(RunBriefing briefing,
                                                              std::string_view agent,
                                                              std::weak_ptr<const TermGate> gate,
                                                              Executor& executor) const;
  // Those of the router, with the deadlines that this agent has of its own.
  [[nodiscard]] SupervisorOptions options_of(std::string_view agent) const;

 private:
  const AgentRegistry& agents_;
  const Clock& clock_;
  SupervisorOptions options_;
};

}  // namespace signalbox::router
