#include "replay/state_report.hpp"

#include <utility>

#include "event-store/contract/json_writer.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/assert.hpp"
#include "event-store/model/timestamp.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::replay {
namespace {

using event_store::JsonWriter;

constexpr std::size_t kShownMax = 200;

bool is_known(Timestamp time) { return time != Timestamp{}; }

std::string shown(std::string_view text) { return shown_text(text, kShownMax); }

void write(JsonWriter& writer, std::string_view name, std::string_view text) {
  writer.key(name);
  writer.string(text);
}
void write(JsonWriter& writer, std::string_view name, const std::optional<Timestamp>& time) {
  if (time) write(writer, name, signalbox::to_text(*time));
}
void write(JsonWriter& writer, std::string_view name, const std::optional<std::string>& text) {
  if (text) write(writer, name, std::string_view(*text));
}
void write(JsonWriter& writer, std::string_view name, const std::optional<JsonText>& json) {
  if (!json) return;
  writer.key(name);
  writer.raw(json->value());
}
void write(JsonWriter& writer, std::string_view name, std::int64_t number) {
  writer.key(name);
  writer.integer(number);
}

void write_step(JsonWriter& writer, const KnownStep& step) {
  writer.begin_object();
  write(writer, "step", std::int64_t{step.step.value()});
  write(writer, "kind", std::string_view(step.kind));
  if (!step.name.empty()) write(writer, "name", std::string_view(step.name));
  if (!step.text.empty()) write(writer, "text", std::string_view(step.text));
  if (step.request_id) write(writer, "request_id", std::string_view(step.request_id->value()));
  write(writer, "input", step.input);
  write(writer, "output", step.output);
  if (step.error) {
    writer.key("error");
    writer.begin_object();
    write(writer, "code", std::string_view(step.error->code));
    write(writer, "message", std::string_view(step.error->message));
    writer.end_object();
  }
  writer.end_object();
}

void write_run(JsonWriter& writer, const KnownRun& run) {
  writer.begin_object();
  write(writer, "run_id", std::string_view(run.run_id.value().to_string()));
  write(writer, "status", std::string_view(run.status));
  write(writer, "agent", std::string_view(run.agent));
  write(writer, "message_id", std::string_view(run.message_id.value()));
  write(writer, "content", std::string_view(run.content));
  write(writer, "seq", run.received.value());
  write(writer, "attempt", std::int64_t{run.attempt.value()});
  if (is_known(run.received_at)) write(writer, "received_at", std::optional(run.received_at));
  write(writer, "started_at", run.started_at);
  write(writer, "ended_at", run.ended_at);
  writer.key("steps");
  writer.begin_array();
  for (const KnownStep& step : run.steps) write_step(writer, step);
  writer.end_array();
  write(writer, "answer", run.answer);
  write(writer, "ended_because", run.ended_because);
  writer.end_object();
}

bool is_pending(const KnownRun& run, const KnownStep& step) {
  return run.status == "waiting_for_input" && step.request_id && !step.output;
}

std::string step_text(const KnownStep& step) {
  std::string line = "      step " + std::to_string(step.step.value()) + "  " + step.kind;
  if (!step.name.empty()) line += "  " + shown(step.name);
  if (!step.text.empty()) line += "  " + shown(step.text);
  if (step.input && !step.request_id) line += "  " + shown(step.input->value());
  if (step.output) line += "  -> " + shown(step.output->value());
  if (step.error) line += "  failed: " + shown(step.error->code + ": " + step.error->message);
  return line + "\n";
}

// The text of each run of a thread, those that were given away and those of the state, in the order
// of their messages.
Result<void> for_each_run(const KnownState& state, const EndedRuns& ended, const ThreadId& thread,
                          const ReportSink& take) {
  const auto given = ended.threads().find(thread);
  const auto known = state.threads.find(thread);
  const std::size_t places = given == ended.threads().end() ? 0 : given->second.size();
  const std::size_t runs = known == state.threads.end() ? 0 : known->second.size();
  for (std::size_t place = 0, run = 0; place < places || run < runs;) {
    const KnownRun* const next = run < runs ? &state.runs.at(known->second[run]) : nullptr;
    const bool is_known =
        next != nullptr && (place == places || next->received < given->second[place].received);
    const auto text = is_known ? ended.tell(*next) : ended.text_at(given->second[place]);
    ++(is_known ? run : place);
    if (!text) return tl::unexpected(text.error());
    if (auto taken = take(*text); !taken) return taken;
  }
  return {};
}

// Each thread that has a run here or there, or none, in the order of their ids.
Result<void> for_each_thread(const KnownState& state, const EndedRuns& ended,
                             const std::function<Result<void>(const ThreadId&)>& tell) {
  auto known = state.threads.begin();
  auto given = ended.threads().begin();
  while (known != state.threads.end() || given != ended.threads().end()) {
    const bool is_known = given == ended.threads().end() ||
                          (known != state.threads.end() && known->first <= given->first);
    const ThreadId& thread = is_known ? known->first : given->first;
    if (auto told = tell(thread); !told) return told;
    if (given != ended.threads().end() && given->first == thread) ++given;
    if (is_known) ++known;
  }
  return {};
}

// The objects of `threads`, with the commas between them.
Result<void> write_threads(const KnownState& state, const EndedRuns& ended,
                           const ReportSink& take) {
  bool is_first_thread = true;
  return for_each_thread(state, ended, [&](const ThreadId& thread) -> Result<void> {
    JsonWriter writer;
    writer.begin_object();
    write(writer, "thread_id", std::string_view(thread.value()));
    const auto memory = state.routing.memories.find(thread);
    if (memory != state.routing.memories.end())
      write(writer, "memory", std::string_view(memory->second.memory));
    const char* const comma = std::exchange(is_first_thread, false) ? "" : ",";
    if (auto taken = take(comma + writer.take() + ",\"runs\":["); !taken) return taken;
    bool is_first_run = true;
    const auto told = for_each_run(state, ended, thread, [&](std::string_view run) {
      const std::string text = std::exchange(is_first_run, false) ? "" : ",";
      return take(text + std::string(run));
    });
    return told ? take("]}") : told;
  });
}

std::string questions_json(const KnownState& state) {
  JsonWriter writer;
  writer.begin_array();
  for (const auto& [id, question] : pending_questions(state)) writer.raw(question);
  writer.end_array();
  return writer.take();
}

// A report of a state that holds all his runs.
std::string whole(const KnownState& state, EndedRuns::Tell tell,
                  Result<void> (*report)(const KnownState&, const EndedRuns&, const ReportSink&)) {
  std::string text;
  const auto done = report(state, EndedRuns(std::move(tell), ""), [&](std::string_view piece) {
    text += piece;
    return Result<void>();
  });
  SIGNALBOX_ASSERT(done && "a report that reads no file failed");
  return text;
}

}  // namespace

std::string run_text(const KnownRun& run) {
  std::string text = "    " +
                     (is_known(run.received_at) ? signalbox::to_text(run.received_at) + "  " : "") +
                     "seq " + std::to_string(run.received.value()) + "  " +
                     shown(run.message_id.value()) + ": " + shown(run.content) + "\n      run " +
                     run.run_id.value().to_string() + "  " + shown(run.agent) + "  " + run.status;
  if (run.attempt > Attempt(1)) text += "  attempt " + std::to_string(run.attempt.value());
  text += "\n";
  for (const KnownStep& step : run.steps) text += step_text(step);
  for (const KnownStep& step : run.steps)
    if (is_pending(run, step))
      text += "      waits for an answer to " + shown(step.request_id->value()) + "\n";
  if (run.answer) text += "      answer  " + shown(*run.answer) + "\n";
  if (run.ended_because) text += "      because  " + shown(*run.ended_because) + "\n";
  return text;
}

Result<void> write_state_text(const KnownState& state, const EndedRuns& ended,
                              const ReportSink& take) {
  const router::RoutingState& routing = state.routing;
  if (state.events == 0)
    return take("nothing was known of " + shown(routing.user_id.value()) + "\n");
  std::string text = "user " + shown(routing.user_id.value()) + " at seq " +
                     std::to_string(routing.chain.seq.value()) + ", " +
                     signalbox::to_text(routing.last_time) + "\n";
  if (state.damage)
    text += "DAMAGED at offset " + std::to_string(routing.damaged_at->value()) + ": " +
            *state.damage + "\n";
  if (auto taken = take(text); !taken) return taken;
  return for_each_thread(state, ended, [&](const ThreadId& thread) -> Result<void> {
    if (auto taken = take("  thread " + shown(thread.value()) + "\n"); !taken) return taken;
    return for_each_run(state, ended, thread, take);
  });
}

std::string state_text(const KnownState& state) { return whole(state, run_text, write_state_text); }

std::string run_json(const KnownRun& run) {
  JsonWriter writer;
  write_run(writer, run);
  return writer.take();
}

std::vector<std::pair<std::string, std::string>> pending_questions(const KnownState& state) {
  std::vector<std::pair<std::string, std::string>> questions;
  for (const auto& [id, run] : state.runs)
    for (const KnownStep& step : run.steps) {
      if (!is_pending(run, step)) continue;
      JsonWriter writer;
      writer.begin_object();
      write(writer, "run_id", std::string_view(id.value().to_string()));
      write(writer, "request_id", std::string_view(step.request_id->value()));
      write(writer, "prompt", std::string_view(step.text));
      write(writer, "schema", step.input);
      writer.end_object();
      questions.emplace_back(step.request_id->value(), writer.take());
    }
  return questions;
}

Result<void> write_state_json(const KnownState& state, const EndedRuns& ended,
                              const ReportSink& take) {
  const router::RoutingState& routing = state.routing;
  JsonWriter writer;
  writer.begin_object();
  write(writer, "user_id", std::string_view(routing.user_id.value()));
  write(writer, "seq", routing.chain.seq.value());
  if (state.events > 0) write(writer, "time", std::optional(routing.last_time));
  write(writer, "chain_hash", std::string_view(event_store::to_hex(routing.chain.hash)));
  if (state.damage) {
    write(writer, "damaged_at", routing.damaged_at->value());
    write(writer, "damage", state.damage);
  }
  if (auto taken = take(writer.take() + ",\"threads\":["); !taken) return taken;
  if (auto taken = write_threads(state, ended, take); !taken) return taken;
  return take("],\"pending_questions\":" + questions_json(state) + "}\n");
}

std::string state_json(const KnownState& state) { return whole(state, run_json, write_state_json); }

}  // namespace signalbox::replay
