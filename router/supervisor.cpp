#include "router/supervisor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/utf8.hpp"
#include "router/agents/input_schema.hpp"

namespace signalbox::router {
namespace {

constexpr std::chrono::hours kWaitMax{24 * 365 * 100};

// Arguments went through a codec since they were recorded, so equal values may differ in white
// space.
bool is_same_json(const std::string& a, const std::string& b) {
  return a == b ||
         nlohmann::json::parse(a, nullptr, false) == nlohmann::json::parse(b, nullptr, false);
}

// Whether today's code takes the step that was recorded.
bool is_same_step(const RecordedStep& recorded, const StepRequest& request) {
  if (const auto* thought = std::get_if<RecordedThought>(&recorded)) {
    const auto* think = std::get_if<ThinkStep>(&request);
    return think != nullptr && think->content == thought->content.text;
  }
  if (const auto* call = std::get_if<RecordedCall>(&recorded)) {
    const auto* tool = std::get_if<ToolStep>(&request);
    return tool != nullptr && tool->name == call->name &&
           is_same_json(tool->arguments.value(), call->arguments.text);
  }
  if (const auto* question = std::get_if<RecordedQuestion>(&recorded)) {
    const auto* ask = std::get_if<AskStep>(&request);
    return ask != nullptr && ask->prompt == question->prompt.text &&
           is_same_json(ask->schema.value(), question->schema.text);
  }
  return false;
}

RequestId request_id_of(const RunId& run, Step step) {
  return RequestId(event_store::call_id_of(run, step).value().to_string());
}

}  // namespace

std::unique_ptr<Supervisor> SupervisorFactory::create_supervisor(RunBriefing briefing,
                                                                 std::string_view agent_name,
                                                                 std::weak_ptr<const TermGate> gate,
                                                                 Executor& executor) const {
  Agent* agent = agents_.find(agent_name);
  if (agent == nullptr) return nullptr;
  UserEmitter emitter = create_user_emitter(briefing.context, std::move(gate));
  return std::unique_ptr<Supervisor>(new Supervisor(std::move(briefing), std::move(emitter), *agent,
                                                    clock_, executor, options_of(agent_name)));
}

SupervisorOptions SupervisorFactory::options_of(std::string_view agent_name) const {
  SupervisorOptions options = options_;
  const AgentDeadlines own = agents_.deadlines(agent_name);
  options.step_deadline = own.step.value_or(options.step_deadline);
  options.run_deadline = own.run.value_or(options.run_deadline);
  return options;
}

Supervisor::Supervisor(RunBriefing briefing, UserEmitter emitter, Agent& agent, const Clock& clock,
                       Executor& executor, SupervisorOptions options)
    : emitter_(std::move(emitter)),
      agent_(agent),
      clock_(clock),
      executor_(executor),
      options_(options),
      attempt_(briefing.attempt),
      recorded_(std::move(briefing.steps)),
      time_left_(std::max(briefing.time_left, options.run_left_min)),
      run_({.context = briefing.context,
            .content = std::move(briefing.content),
            .memory = std::move(briefing.memory)},
           *this) {}

Supervisor::~Supervisor() {
  for (TimerId* timer :
       {&run_timer_, &step_timer_, &cancel_timer_, &progress_timer_, &expiry_timer_})
    stop_timer(*timer);
}

void Supervisor::stop_timer(TimerId& timer) {
  if (timer != TimerId::none) executor_.cancel(timer);
  timer = TimerId::none;
}

void Supervisor::start() {
  SIGNALBOX_ASSERT(!task_);
  start_run_timer();
  task_.emplace(agent_.start(run_));
  resume_agent();
}

void Supervisor::start_run_timer() {
  stop_timer(run_timer_);
  timer_started_ = clock_.monotonic();
  run_timer_ = executor_.call_at(timer_started_ + time_left_, [this] {
    run_timer_ = TimerId::none;
    fail(FailureCode::deadline, "the run took longer than it may");
  });
}

// ---- steps the agent asks for

void Supervisor::begin(StepRequest request) {
  ++step_;
  const auto index = static_cast<std::size_t>(step_.value()) - 1;
  if (index < recorded_.size())
    replay(recorded_[index], std::move(request));
  else if (!halting_)
    state_step(std::move(request));
}

void Supervisor::replay(const RecordedStep& recorded, StepRequest request) {
  if (!is_same_step(recorded, request))
    return fail(FailureCode::agent_diverged,
                "step " + std::to_string(step_.value()) + " is not the step that was recorded");
  if (std::holds_alternative<RecordedThought>(recorded)) return deliver_later(ThinkDone{});
  if (const auto* call = std::get_if<RecordedCall>(&recorded)) {
    tool_step_ = std::get<ToolStep>(std::move(request));
    return replay_call(*call);
  }
  const auto& question = std::get<RecordedQuestion>(recorded);
  if (question.answer) return deliver_later(JsonText(question.answer->text));
  wait_for_input(question.expires);
}

void Supervisor::replay_call(const RecordedCall& call) {
  if (call.result) return deliver_later(ToolResult(JsonText(call.result->text)));
  if (call.error) return deliver_later(ToolResult(*call.error));
  Tool* tool = agent_.find_tool(call.name);
  if (tool == nullptr || tool->on_unknown() == OnUnknown::fail)
    return finish_tool(
        ToolError{"outcome_unknown",
                  "the router was lost during the call; whether it took effect is not known"});
  // A new owner states the call again before it makes it again; the call id stays the same.
  recall_ = true;
  emit(ToolExecuting{.step = step_,
                     .call_id = call.call_id,
                     .name = tool_step_->name,
                     .arguments = tool_step_->arguments});
}

void Supervisor::state_step(StepRequest request) {
  if (auto* think = std::get_if<ThinkStep>(&request))
    return emit(AgentThinking{.step = step_, .content = std::move(think->content)});
  if (auto* tool = std::get_if<ToolStep>(&request)) {
    tool_step_ = std::move(*tool);
    return emit(ToolExecuting{.step = step_,
                              .call_id = event_store::call_id_of(context().run_id, step_),
                              .name = tool_step_->name,
                              .arguments = tool_step_->arguments});
  }
  auto& ask = std::get<AskStep>(request);
  // Every answer would be refused until the question expires: rather say now whose fault it is.
  if (const auto usable = check_input_schema(ask.schema); !usable)
    return fail(FailureCode::agent_error,
                "the agent asks with a schema that cannot be checked: " + usable.error().message);
  emit(InputRequested{.step = step_,
                      .request_id = request_id_of(context().run_id, step_),
                      .prompt = std::move(ask.prompt),
                      .schema = std::move(ask.schema),
                      .expires = clock_.now() + ask.expires_after});
}

// ---- what counts

void Supervisor::on_counted(const EventData& data) {
  if (ended_) return;
  if (const auto* thinking = std::get_if<AgentThinking>(&data)) {
    if (thinking->step == step_) deliver(ThinkDone{});
  } else if (const auto* executing = std::get_if<ToolExecuting>(&data)) {
    if (executing->step == step_ && tool_step_) start_tool(std::exchange(recall_, false));
  } else if (const auto* completed = std::get_if<ToolCompleted>(&data)) {
    if (completed->step != step_) return;
    deliver(completed->result ? ToolResult(*completed->result)
                              : ToolResult(completed->error.value()));
  } else if (const auto* requested = std::get_if<InputRequested>(&data)) {
    if (requested->step == step_) wait_for_input(requested->expires);
  } else if (const auto* input = std::get_if<RunInputReceived>(&data)) {
    take_input(*input);
  }
}

// It may come before a resumed run has got back to its question: then the question is given it
// there.
void Supervisor::take_input(const RunInputReceived& input) {
  for (RecordedStep& step : recorded_) {
    auto* question = std::get_if<RecordedQuestion>(&step);
    if (question != nullptr && question->request_id == input.request_id && !question->answer)
      question->answer = StoredText{.text = input.data.value(), .seq = Seq(0)};
  }
  if (!waiting_ || input.request_id != request_id_of(context().run_id, step_)) return;
  waiting_ = false;
  stop_timer(expiry_timer_);
  start_run_timer();
  deliver(input.data);
}

void Supervisor::expect_answer(const RequestId& request) {
  answered_ = request;
  if (waiting_ && request == request_id_of(context().run_id, step_)) stop_timer(expiry_timer_);
}

void Supervisor::start_tool(bool reattach) {
  Tool* tool = agent_.find_tool(tool_step_->name);
  if (tool == nullptr)
    return finish_tool(ToolError{"unknown_tool", "this agent has no tool of that name"});
  ToolCall call{.context = context(),
                .call_id = event_store::call_id_of(context().run_id, step_),
                .arguments = tool_step_->arguments};
  // The execution may outlive this supervisor by a task (finish_tool, drop).
  const auto done = [this, alive = std::weak_ptr<bool>(alive_)](ToolResult result) {
    if (!alive.expired()) finish_tool(std::move(result));
  };
  const bool is_reattach = reattach && tool->on_unknown() == OnUnknown::reattach;
  step_timer_ = executor_.call_at(clock_.monotonic() + options_.step_deadline, [this] {
    step_timer_ = TimerId::none;
    finish_tool(ToolError{"deadline", "the tool took longer than a step may"});
  });
  execution_ = is_reattach ? tool->reattach(std::move(call), clock_, executor_, done)
                           : tool->start(std::move(call), clock_, executor_, done);
}

void Supervisor::finish_tool(ToolResult result) {
  // Without a step: the tool answered after its deadline had.
  if (ended_ || !tool_step_) return;
  stop_timer(step_timer_);
  ToolCompleted completed{.step = step_,
                          .call_id = event_store::call_id_of(context().run_id, step_),
                          .name = tool_step_->name,
                          .result = std::nullopt,
                          .error = std::nullopt};
  if (auto* value = std::get_if<JsonText>(&result))
    completed.result = std::move(*value);
  else
    completed.error = std::get<ToolError>(std::move(result));
  if (is_too_large(completed)) {
    completed.result.reset();
    completed.error = ToolError{"output_too_large", "the result is larger than an event may be"};
  }
  tool_step_.reset();
  emit(std::move(completed));
  if (cancelled_by_) end(AgentCancelled{.reason = "cancelled", .by = *cancelled_by_});
  // Last: this may run inside the execution's own callback.
  executor_.post([finished = std::shared_ptr<ToolExecution>(std::move(execution_))] {});
}

void Supervisor::wait_for_input(Timestamp expires) {
  // The run's deadline stands still while a person thinks.
  if (run_timer_ != TimerId::none) time_left_ -= clock_.monotonic() - timer_started_;
  stop_timer(run_timer_);
  waiting_ = true;
  if (answered_ == request_id_of(context().run_id, step_)) return;
  // A moment far beyond what the monotonic clock can count would overflow it.
  const auto left = std::clamp<std::chrono::microseconds>(expires - clock_.now(),
                                                          std::chrono::microseconds(0), kWaitMax);
  expiry_timer_ = executor_.call_at(clock_.monotonic() + left, [this] {
    expiry_timer_ = TimerId::none;
    fail(FailureCode::deadline, "nobody answered in time");
  });
}

// ---- the agent goes on

void Supervisor::deliver(StepResult result) {
  run_.deliver(std::move(result));
  resume_agent();
}

void Supervisor::deliver_later(StepResult result) {
  run_.deliver(std::move(result));
  executor_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) resume_agent();
  });
}

void Supervisor::resume_agent() {
  if (ended_ || halting_) return;
  task_->resume();
  if (!ended_ && task_->done()) finish();
}

void Supervisor::finish() {
  if (static_cast<std::size_t>(step_.value()) < recorded_.size())
    return fail(FailureCode::agent_diverged,
                "the agent ended before all recorded steps were taken");
  if (task_->answer()) return complete(std::move(*task_->answer()));
  try {
    std::rethrow_exception(task_->failure());
  } catch (const std::exception& error) {
    fail(FailureCode::agent_error, error.what());
  } catch (...) {
    fail(FailureCode::agent_error, "the agent threw something that is no std::exception");
  }
}

void Supervisor::complete(AgentAnswer answer) {
  if (answer.memory && answer.memory->size() > kMemoryBytesMax)
    return fail(FailureCode::agent_error, "the agent's memory is longer than 256 bytes");
  AgentCompleted completed{.content = std::move(answer.content),
                           .memory = std::move(answer.memory)};
  if (is_too_large(completed))
    return fail(FailureCode::output_too_large, "the answer is larger than an event may be");
  flush_progress();
  end(std::move(completed));
}

void Supervisor::cancel(std::string by) {
  if (ended_ || cancelled_by_) return;
  cancelled_by_ = std::move(by);
  if (!execution_) return end(AgentCancelled{.reason = "cancelled", .by = *cancelled_by_});
  cancel_timer_ = executor_.call_at(clock_.monotonic() + options_.cancel_grace, [this] {
    cancel_timer_ = TimerId::none;
    end(AgentCancelled{.reason = "cancelled", .by = *cancelled_by_});
  });
}

void Supervisor::fail(FailureCode code, std::string message) {
  if (cancelled_by_) return end(AgentCancelled{.reason = "cancelled", .by = *cancelled_by_});
  end(AgentFailed{.code = code, .message = std::string(utf8_prefix(message, 1024))});
}

void Supervisor::end(EventData terminal) {
  if (ended_) return;
  emit(std::move(terminal));
  ended_ = true;
  for (TimerId* timer :
       {&run_timer_, &step_timer_, &cancel_timer_, &progress_timer_, &expiry_timer_})
    stop_timer(*timer);
}

void Supervisor::emit(EventData data) {
  if (ended_) return;
  if (!is_terminal(data) && is_too_large(data))
    return fail(FailureCode::output_too_large, "a step is larger than an event may be");
  // Refused: the ownership is over, and this supervisor is about to go with it.
  if (!emitter_.emit(std::move(data))) ended_ = true;
}

bool Supervisor::is_too_large(const EventData& data) const {
  const std::string value =
      event_store::encode_event_value(data, context().websocket_client_id, options_.write_version);
  return value.size() > options_.event_value_bytes_max;
}

// ---- pieces of the answer

void Supervisor::respond(std::string_view piece) {
  progress_ += piece;
  if (!progress_sent_at_ || progress_.size() >= options_.progress_bytes) return flush_progress();
  if (progress_timer_ != TimerId::none) return;
  progress_timer_ = executor_.call_at(*progress_sent_at_ + options_.progress_interval, [this] {
    progress_timer_ = TimerId::none;
    flush_progress();
  });
}

void Supervisor::flush_progress() {
  if (progress_.empty() || ended_) return;
  const auto points = static_cast<std::int64_t>(count_code_points(progress_));
  emitter_.respond(attempt_, {progress_index_++, progress_offset_, std::exchange(progress_, {})});
  progress_offset_ += points;
  progress_sent_at_ = clock_.monotonic();
}

}  // namespace signalbox::router
