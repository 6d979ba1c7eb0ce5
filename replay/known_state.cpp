#include "replay/known_state.hpp"

#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/overloaded.hpp"

namespace signalbox::replay {
namespace {

std::optional<JsonText> json_of(const std::optional<router::StoredText>& text) {
  return text ? std::optional(JsonText(text->text)) : std::nullopt;
}

// Recorded once, whatever a later owner states again.
KnownStep* step_of(KnownRun& run, Step step, std::string kind) {
  for (KnownStep& known : run.steps)
    if (known.step == step) return &known;
  run.steps.push_back({.step = step, .kind = std::move(kind)});
  return &run.steps.back();
}

void note_completed(KnownRun& run, ToolCompleted& completed) {
  KnownStep* const step = step_of(run, completed.step, "tool");
  step->name = std::move(completed.name);
  step->output = std::move(completed.result);
  step->error = std::move(completed.error);
}

void note_question(KnownRun& run, InputRequested& requested) {
  KnownStep* const step = step_of(run, requested.step, "question");
  step->text = std::move(requested.prompt);
  step->input = std::move(requested.schema);
  step->request_id = std::move(requested.request_id);
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

void note_in_run(KnownRun& run, Event& event) {
  std::visit(
      Overloaded{
          [&](AgentStarted& started) {
            run.status = "running";
            run.started_at = event.time;
            run.agent = std::move(started.agent);
            run.agent_version = std::move(started.agent_version);
          },
          [&](AgentThinking& thinking) {
            step_of(run, thinking.step, "thought")->text = std::move(thinking.content);
          },
          [&](ModelCompleted& model) {
            KnownStep* const step = step_of(run, model.step, "model");
            step->name = std::move(model.model);
            step->output = std::move(model.output);
          },
          [&](ToolExecuting& executing) {
            KnownStep* const step = step_of(run, executing.step, "tool");
            step->name = std::move(executing.name);
            step->input = std::move(executing.arguments);
          },
          [&](ToolCompleted& completed) { note_completed(run, completed); },
          [&](InputRequested& requested) { note_question(run, requested); },
          [&](const RunInputReceived& input) { note_answer(run, input); },
          [&](const RunResumed&) { run.attempt = event.attempt.value_or(run.attempt.next()); },
          [&](AgentCompleted& completed) {
            end(run, event, "completed");
            run.answer = std::move(completed.content);
            run.memory_after = std::move(completed.memory);
          },
          [&](AgentFailed& failed) {
            end(run, event, "failed");
            run.ended_because = std::string(to_text(failed.code)) + ": " + failed.message;
            run.failure = std::move(failed);
          },
          [&](AgentCancelled& cancelled) {
            end(run, event, "cancelled");
            run.ended_because = cancelled.reason + ", by " + cancelled.by;
          },
          [](const auto&) {},
      },
      event.data);
}

// Takes out of the event what is kept of it.
void note(KnownState& state, Event& event) {
  if (!event.run_id || (state.only && *state.only != *event.run_id)) return;
  auto* const received = std::get_if<MessageReceived>(&event.data);
  if (received != nullptr && event.thread_id) {
    const bool is_new =
        state.runs
            .try_emplace(*event.run_id,
                         KnownRun{.run_id = *event.run_id,
                                  .thread_id = *event.thread_id,
                                  .message_id = std::move(received->message_id),
                                  .agent = std::move(received->agent),
                                  .content = std::move(received->content),
                                  .websocket_client_id = std::move(event.websocket_client_id),
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

Result<void> take(KnownState& state, const Record& record, Result<router::FoldedEvent> folded) {
  if (!folded) return tl::unexpected(std::move(folded.error()));
  if (folded->damage) state.damage = std::move(folded->damage);
  ++state.events;
  state.value_bytes += record.value.size();
  if (folded->event) note(state, *folded->event);
  return {};
}

KnownStep known_of(const router::RecordedStep& recorded, Step step) {
  return std::visit(Overloaded{
                        [&](const router::RecordedThought& thought) {
                          return KnownStep{
                              .step = step, .kind = "thought", .text = thought.content.text};
                        },
                        [&](const router::RecordedModel& model) {
                          return KnownStep{.step = step,
                                           .kind = "model",
                                           .name = model.model,
                                           .output = JsonText(model.output.text)};
                        },
                        [&](const router::RecordedCall& call) {
                          return KnownStep{.step = step,
                                           .kind = "tool",
                                           .name = call.name,
                                           .input = JsonText(call.arguments.text),
                                           .output = json_of(call.result),
                                           .error = call.error};
                        },
                        [&](const router::RecordedQuestion& question) {
                          return KnownStep{.step = step,
                                           .kind = "question",
                                           .text = question.prompt.text,
                                           .input = JsonText(question.schema.text),
                                           .output = json_of(question.answer),
                                           .request_id = question.request_id};
                        },
                    },
                    recorded);
}

std::string status_of(router::RunPhase phase) {
  switch (phase) {
    case router::RunPhase::queued: return "queued";
    case router::RunPhase::running: return "running";
    case router::RunPhase::waiting_for_input: return "waiting_for_input";
  }
  SIGNALBOX_ASSERT(false && "a RunPhase outside its enum");
  return "";
}

KnownRun known_of(const router::OpenRun& open) {
  KnownRun run{.run_id = open.run_id,
               .thread_id = open.thread_id,
               .message_id = open.message_id,
               .agent = open.agent,
               .content = open.content.text,
               .websocket_client_id = open.websocket_client_id,
               .received = open.content.seq,
               .received_at = {},
               .status = status_of(open.phase),
               .attempt = open.attempt,
               .started_at = open.started_at};
  std::int32_t number = 0;
  for (const router::RecordedStep& step : open.steps)
    run.steps.push_back(known_of(step, Step(++number)));
  return run;
}

}  // namespace

KnownState known_of(router::RoutingState routing) {
  KnownState state(std::move(routing));
  state.events = state.routing.chain.seq.value();
  for (const auto& [id, run] : state.routing.runs) state.runs.emplace(id, known_of(run));
  for (const auto& [thread, runs] : state.routing.threads)
    state.threads.emplace(thread, std::vector<RunId>(runs.begin(), runs.end()));
  for (const auto& [thread, memory] : state.routing.memories) state.threads.try_emplace(thread);
  if (state.routing.damaged_at)
    state.damage = "met before the snapshot was written; `signalbox replay verify` names it";
  return state;
}

void keep_open(KnownState& state) {
  std::erase_if(state.runs,
                [&](const auto& run) { return !state.routing.runs.contains(run.first); });
  for (auto& [thread, runs] : state.threads)
    std::erase_if(runs, [&](const RunId& run) { return !state.runs.contains(run); });
  std::erase_if(state.threads, [&](const auto& thread) {
    return thread.second.empty() && !state.routing.memories.contains(thread.first);
  });
}

Result<void> give_away_ended(KnownState& state,
                             const std::function<Result<void>(const KnownRun&)>& take) {
  for (auto& [thread, runs] : state.threads) {
    for (const RunId& id : runs) {
      const KnownRun& run = state.runs.at(id);
      if (!run.ended_at) continue;
      if (auto taken = take(run); !taken) return taken;
    }
    std::erase_if(runs, [&](const RunId& id) { return state.runs.at(id).ended_at.has_value(); });
  }
  std::erase_if(state.runs, [](const auto& run) { return run.second.ended_at.has_value(); });
  std::erase_if(state.threads, [](const auto& thread) { return thread.second.empty(); });
  return {};
}

KnownState::KnownState(const LogId& log, const UserId& user)
    : routing(user, event_store::start_of_chain(log, user)) {}

Result<void> fold_known(KnownState& state, const Record& record) {
  return take(state, record, router::fold_event(state.routing, record, {}));
}

Result<void> fold_known(KnownState& state, const Record& record, const router::ChainPlace& place) {
  return take(state, record, router::fold_event(state.routing, record, {}, place));
}

}  // namespace signalbox::replay
