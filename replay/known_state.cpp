#include "replay/known_state.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/overloaded.hpp"
#include "router/user_fold.hpp"

namespace signalbox::replay {
namespace {

// Recorded once, whatever a later owner states again.
KnownStep* step_of(KnownRun& run, Step step, std::string kind) {
  for (KnownStep& known : run.steps)
    if (known.step == step) return &known;
  run.steps.push_back({.step = step, .kind = std::move(kind)});
  return &run.steps.back();
}

void note_completed(KnownRun& run, const ToolCompleted& completed) {
  KnownStep* const step = step_of(run, completed.step, "tool");
  step->name = completed.name;
  step->output = completed.result;
  step->error = completed.error;
}

void note_question(KnownRun& run, const InputRequested& requested) {
  KnownStep* const step = step_of(run, requested.step, "question");
  step->text = requested.prompt;
  step->input = requested.schema;
  step->request_id = requested.request_id;
  run.status = "waiting_for_input";
}

void note_answer(KnownRun& run, const RunInputReceived& input) {
  for (KnownStep& step : run.steps)
    if (step.request_id == input.request_id) step.output = input.data;
  if (run.status == "waiting_for_input") run.status = "running";
}

void end(KnownRun& run, const Event& event, std::string status) {
  run.status = std::move(status);
  run.ended_at = event.time;
}

void note_in_run(KnownRun& run, const Event& event) {
  std::visit(
      Overloaded{
          [&](const AgentStarted& started) {
            run.status = "running";
            run.started_at = event.time;
            run.agent = started.agent;
            run.agent_version = started.agent_version;
          },
          [&](const AgentThinking& thinking) {
            step_of(run, thinking.step, "thought")->text = thinking.content;
          },
          [&](const ModelCompleted& model) {
            KnownStep* const step = step_of(run, model.step, "model");
            step->name = model.model;
            step->output = model.output;
          },
          [&](const ToolExecuting& executing) {
            KnownStep* const step = step_of(run, executing.step, "tool");
            step->name = executing.name;
            step->input = executing.arguments;
          },
          [&](const ToolCompleted& completed) { note_completed(run, completed); },
          [&](const InputRequested& requested) { note_question(run, requested); },
          [&](const RunInputReceived& input) { note_answer(run, input); },
          [&](const RunResumed&) { run.attempt = event.attempt.value_or(run.attempt.next()); },
          [&](const AgentCompleted& completed) {
            end(run, event, "completed");
            run.answer = completed.content;
            run.memory_after = completed.memory;
          },
          [&](const AgentFailed& failed) {
            end(run, event, "failed");
            run.failure = failed;
            run.ended_because = std::string(to_text(failed.code)) + ": " + failed.message;
          },
          [&](const AgentCancelled& cancelled) {
            end(run, event, "cancelled");
            run.ended_because = cancelled.reason + ", by " + cancelled.by;
          },
          [](const auto&) {},
      },
      event.data);
}

void note(KnownState& state, const Event& event) {
  if (!event.run_id) return;
  const auto* const received = std::get_if<MessageReceived>(&event.data);
  if (received != nullptr && event.thread_id) {
    const bool is_new =
        state.runs
            .try_emplace(*event.run_id, KnownRun{.run_id = *event.run_id,
                                                 .thread_id = *event.thread_id,
                                                 .message_id = received->message_id,
                                                 .agent = received->agent,
                                                 .content = received->content,
                                                 .websocket_client_id = event.websocket_client_id,
                                                 .received = event.seq,
                                                 .received_at = event.time})
            .second;
    if (is_new) state.threads[*event.thread_id].push_back(*event.run_id);
    return;
  }
  const auto run = state.runs.find(*event.run_id);
  if (run == state.runs.end()) return;
  note_in_run(run->second, event);
  if (!std::holds_alternative<AgentStarted>(event.data)) return;
  const auto memory = state.routing.memories.find(run->second.thread_id);
  if (memory != state.routing.memories.end()) run->second.memory_before = memory->second.memory;
}

}  // namespace

KnownState::KnownState(const LogId& log, const UserId& user)
    : routing(user, event_store::start_of_chain(log, user)) {}

Result<void> fold_known(KnownState& state, const Record& record) {
  auto folded = router::fold_event(state.routing, record, {});
  if (!folded) return tl::unexpected(folded.error());
  if (folded->damage) state.damage = std::move(folded->damage);
  ++state.events;
  if (const auto event = event_store::decode_event(record)) note(state, *event);
  return {};
}

}  // namespace signalbox::replay
