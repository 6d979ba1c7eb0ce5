// apply: what an event changes. See routing_state.hpp.
#include <algorithm>

#include "event-store/contract/sha256.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/overloaded.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {
namespace {

// A step was recorded: attempts count anew from here.
void record_step(OpenRun& run, Step step, RecordedStep recorded) {
  const auto index = static_cast<std::size_t>(step.value()) - 1;
  if (index < run.steps.size()) return;  // tool_executing stated again by a new owner
  run.steps.push_back(std::move(recorded));
  run.tries = 0;
}

StoredText stored(std::string text, const Event& event) {
  return StoredText{.text = std::move(text), .seq = event.seq};
}

StoredText schema_of(const InputRequested& requested, const Event& event) {
  return {.text = requested.schema.value(), .seq = event.seq, .part = TextPart::schema};
}

void complete_call(OpenRun& run, const ToolCompleted& completed, const Event& event) {
  const auto index = static_cast<std::size_t>(completed.step.value()) - 1;
  if (index >= run.steps.size()) return;
  auto* call = std::get_if<RecordedCall>(&run.steps[index]);
  if (call == nullptr || call->result || call->error) return;
  if (completed.result) call->result = stored(completed.result->value(), event);
  call->error = completed.error;
  run.tries = 0;
}

void answer_question(OpenRun& run, const RunInputReceived& input, const Event& event) {
  for (RecordedStep& step : run.steps) {
    auto* question = std::get_if<RecordedQuestion>(&step);
    if (question == nullptr || question->request_id != input.request_id) continue;
    question->answer = stored(input.data.value(), event);
  }
  if (run.phase != RunPhase::waiting_for_input) return;
  run.phase = RunPhase::running;
  run.tries = 0;
  if (run.waiting_since) run.stood_still += event.time - *run.waiting_since;
  run.waiting_since.reset();
}

// Without an owner nothing was tried and no time was used; while it waits for a person, neither.
void resume_run(OpenRun& run, const RunResumed& resumed, const Event& event) {
  run.attempt = event.attempt.value_or(run.attempt.next());
  if (run.phase == RunPhase::waiting_for_input) return;
  if (resumed.reason == ResumeReason::owner_lost) ++run.tries;
  if (run.last_event_at) run.stood_still += event.time - *run.last_event_at;
}

void end_run(RoutingState& state, const RunId& run_id) {
  const auto found = state.runs.find(run_id);
  if (found == state.runs.end()) return;
  const auto thread = state.threads.find(found->second.thread_id);
  SIGNALBOX_ASSERT(thread != state.threads.end());
  std::erase(thread->second, run_id);
  if (thread->second.empty()) state.threads.erase(thread);
  state.runs.erase(found);
}

void keep_memory(RoutingState& state, const AgentCompleted& completed, const Event& event,
                 const RoutingLimits& limits) {
  if (!completed.memory || !event.thread_id) return;
  state.memories.insert_or_assign(*event.thread_id, ThreadMemory{*completed.memory, event.seq});
  if (state.memories.size() <= limits.threads_with_memory) return;
  state.memories.erase(std::ranges::min_element(
      state.memories, {}, [](const auto& entry) { return entry.second.last_used; }));
}

void receive_message(RoutingState& state, const MessageReceived& received, const Event& event,
                     const RoutingLimits& limits) {
  if (!event.run_id || !event.thread_id) return;
  const auto [seen, is_new] = state.seen.insert_or_assign(
      received.message_id,
      SeenMessage{content_hash_of(*event.thread_id, received.content, received.agent),
                  *event.run_id});
  if (!is_new) std::erase(state.seen_order, received.message_id);
  state.seen_order.push_back(received.message_id);
  if (state.seen_order.size() > limits.dedupe_window) {
    state.seen.erase(state.seen_order.front());
    state.seen_order.pop_front();
  }
  OpenRun run{.run_id = *event.run_id,
              .thread_id = *event.thread_id,
              .message_id = received.message_id,
              .agent = received.agent,
              .content = stored(received.content, event),
              .websocket_client_id = event.websocket_client_id,
              .inbound_offset = event.inbound_offset,
              .causation_id = event.causation_id,
              .traceparent = event.traceparent};
  // A run is received once: where a faulty owner states it again it stays what and where it is, or
  // a queue would keep it after its end.
  if (state.runs.emplace(*event.run_id, std::move(run)).second)
    state.threads[*event.thread_id].push_back(*event.run_id);
}

void apply_to_run(OpenRun& run, const Event& event) {
  std::visit(
      Overloaded{
          [&](const AgentStarted&) {
            run.phase = RunPhase::running;
            run.started_at = event.time;
          },
          [&](const RunResumed& resumed) { resume_run(run, resumed, event); },
          [&](const AgentThinking& thinking) {
            record_step(run, thinking.step, RecordedThought{stored(thinking.content, event)});
          },
          [&](const ModelCompleted& model) {
            record_step(run, model.step,
                        RecordedModel{model.model, model.request_sha256,
                                      stored(model.output.value(), event)});
          },
          [&](const ToolExecuting& executing) {
            record_step(run, executing.step,
                        RecordedCall{.call_id = executing.call_id,
                                     .name = executing.name,
                                     .arguments = stored(executing.arguments.value(), event)});
          },
          [&](const ToolCompleted& completed) { complete_call(run, completed, event); },
          [&](const InputRequested& requested) {
            record_step(run, requested.step,
                        RecordedQuestion{.request_id = requested.request_id,
                                         .prompt = stored(requested.prompt, event),
                                         .schema = schema_of(requested, event),
                                         .expires = requested.expires});
            run.phase = RunPhase::waiting_for_input;
            run.waiting_since = event.time;
          },
          [&](const RunInputReceived& input) { answer_question(run, input, event); },
          [&](const CancelRequested& cancel) { run.cancelled_by = cancel.by; },
          [](const auto&) {},
      },
      event.data);
  run.last_event_at = event.time;
}

}  // namespace

std::array<std::uint8_t, 16> content_hash_of(const ThreadId& thread, std::string_view content,
                                             std::string_view agent) {
  event_store::Sha256 hash;
  hash.update_prefixed(thread.value());
  hash.update_prefixed(content);
  hash.update_prefixed(agent);
  const event_store::Hash whole = hash.finish();
  std::array<std::uint8_t, 16> first{};
  std::copy_n(whole.begin(), first.size(), first.begin());
  return first;
}

void apply(RoutingState& state, const Event& event, const RoutingLimits& limits) {
  state.last_time = std::max(state.last_time, event.time);
  state.last_inbound = std::max(state.last_inbound, event.inbound_offset);
  if (state.damaged_at) return;
  if (const auto* received = std::get_if<MessageReceived>(&event.data)) {
    receive_message(state, *received, event, limits);
    return;
  }
  if (const auto* completed = std::get_if<AgentCompleted>(&event.data))
    keep_memory(state, *completed, event, limits);
  if (!event.run_id) return;
  if (is_terminal(event.data)) {
    end_run(state, *event.run_id);
    return;
  }
  if (const auto run = state.runs.find(*event.run_id); run != state.runs.end())
    apply_to_run(run->second, event);
}

namespace {

void locate(StoredText& text, Seq seq, Offset offset) {
  if (text.seq == seq) text.offset = offset;
}

}  // namespace

void note_offset(RoutingState& state, const RunId& run_id, Seq seq, Offset offset) {
  const auto found = state.runs.find(run_id);
  if (found == state.runs.end()) return;
  for_each_text(found->second, [&](StoredText& text) { locate(text, seq, offset); });
}

void freeze(RoutingState& state, Offset damaged_at) {
  state.damaged_at = damaged_at;
  state.runs.clear();
  state.threads.clear();
}

std::optional<std::string> text_in(const EventData& data, TextPart part) {
  using Text = std::optional<std::string>;
  return std::visit(
      Overloaded{
          [](const MessageReceived& received) -> Text { return received.content; },
          [](const AgentThinking& thinking) -> Text { return thinking.content; },
          [](const ModelCompleted& model) -> Text { return model.output.value(); },
          [](const ToolExecuting& executing) -> Text { return executing.arguments.value(); },
          [](const ToolCompleted& completed) -> Text {
            return completed.result ? Text(completed.result->value()) : std::nullopt;
          },
          [part](const InputRequested& requested) -> Text {
            return part == TextPart::schema ? requested.schema.value() : requested.prompt;
          },
          [](const RunInputReceived& input) -> Text { return input.data.value(); },
          [](const auto&) -> Text { return std::nullopt; },
      },
      data);
}

std::chrono::microseconds time_used(const OpenRun& run) {
  // While it waits for a person its time stands still, whatever else is said about it meanwhile.
  const auto until = run.waiting_since ? run.waiting_since : run.last_event_at;
  if (!run.started_at || !until) return std::chrono::microseconds(0);
  return *until - *run.started_at - run.stood_still;
}

std::size_t running_count(const RoutingState& state) {
  return static_cast<std::size_t>(std::ranges::count_if(
      state.runs, [](const auto& entry) { return entry.second.phase == RunPhase::running; }));
}

bool operator==(const RoutingState& a, const RoutingState& b) {
  return a.user_id == b.user_id && a.chain.seq == b.chain.seq && a.chain.hash == b.chain.hash &&
         a.last_time == b.last_time && a.last_inbound == b.last_inbound && a.seen == b.seen &&
         a.seen_order == b.seen_order && a.runs == b.runs && a.threads == b.threads &&
         a.memories == b.memories && a.damaged_at == b.damaged_at;
}

}  // namespace signalbox::router
