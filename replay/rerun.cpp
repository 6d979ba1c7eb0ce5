#include "replay/rerun.hpp"

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "event-store/model/overloaded.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::replay {
namespace {

using nlohmann::json;
using router::AskStep;
using router::StepRequest;
using router::StepResult;
using router::ThinkDone;
using router::ThinkStep;
using router::ToolResult;
using router::ToolStep;

constexpr std::size_t kShownMax = 400;

// Holds the step that the agent has asked for last.
class Recorder final : public router::StepDriver {
 public:
  void begin(StepRequest request) override { asked_ = std::move(request); }
  void respond(std::string_view) override {}  // not recorded: the answer is, as a whole
  [[nodiscard]] std::optional<StepRequest> take() { return std::exchange(asked_, std::nullopt); }

 private:
  std::optional<StepRequest> asked_;
};

std::string kind_of(const StepRequest& request) {
  return std::visit(Overloaded{[](const ThinkStep&) { return std::string("thought"); },
                               [](const ToolStep&) { return std::string("tool"); },
                               [](const AskStep&) { return std::string("question"); }},
                    request);
}

std::optional<RerunDifference> compare_text(std::string field, const std::string& recorded,
                                            const std::string& now) {
  if (recorded == now) return std::nullopt;
  return RerunDifference{std::move(field), recorded, now};
}

// Down to the member in which they differ.
std::optional<RerunDifference> compare_json(const std::string& field, const std::string& recorded,
                                            const std::string& now) {
  const json before = json::parse(recorded, nullptr, false);
  const json after = json::parse(now, nullptr, false);
  if (before.is_discarded() || after.is_discarded()) return compare_text(field, recorded, now);
  if (before == after) return std::nullopt;
  const json changes = json::diff(before, after);
  const json::json_pointer path(changes.at(0).at("path").get<std::string>());
  const auto part = [&path](const json& whole) {
    // Of what was added or removed one side has nothing; `-` is behind the end of an array.
    if (!path.empty() && path.back() == "-") return std::string("nothing");
    return whole.contains(path) ? whole.at(path).dump() : std::string("nothing");
  };
  return RerunDifference{field + path.to_string(), part(before), part(after)};
}

std::optional<RerunDifference> compare_step(const KnownStep& step, const StepRequest& request) {
  if (auto kind = compare_text("kind", step.kind, kind_of(request))) return kind;
  if (const auto* const think = std::get_if<ThinkStep>(&request))
    return compare_text("data.content", step.text, think->content);
  if (const auto* const tool = std::get_if<ToolStep>(&request)) {
    if (auto name = compare_text("data.name", step.name, tool->name)) return name;
    return compare_json("data.arguments", step.input ? step.input->value() : "",
                        tool->arguments.value());
  }
  const auto& ask = std::get<AskStep>(request);
  if (auto prompt = compare_text("data.prompt", step.text, ask.prompt)) return prompt;
  return compare_json("data.schema", step.input ? step.input->value() : "", ask.schema.value());
}

// nullopt: none was recorded.
std::optional<StepResult> result_of(const KnownStep& step) {
  if (step.kind == "thought") return StepResult(ThinkDone{});
  if (step.error) return StepResult(ToolResult(*step.error));
  if (!step.output) return std::nullopt;
  if (step.kind == "tool") return StepResult(ToolResult(*step.output));
  return StepResult(*step.output);
}

std::string failure_text(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception";
  }
}

bool has_failed_of_itself(const KnownRun& run) {
  return run.failure && run.failure->code == FailureCode::agent_error;
}

// Not by a cancellation, a deadline or a limit, of which the agent's code knows nothing.
bool has_ended_of_itself(const KnownRun& run) {
  return run.status == "completed" || has_failed_of_itself(run);
}

// How the agent ended now, beside how a run that ended of itself did then.
std::optional<RerunDifference> compare_end(const KnownRun& run, router::AgentTask& task) {
  if (!task.answer()) {
    const std::string thrown = failure_text(task.failure());
    if (has_failed_of_itself(run))
      return compare_text("agent_failed: data.message", run.failure->message, thrown);
    return RerunDifference{"end", run.status, "the agent throws: " + thrown};
  }
  if (run.status != "completed")
    return RerunDifference{
        "end", run.status + (run.ended_because ? ": " + *run.ended_because : std::string()),
        "completed: " + task.answer()->content};
  if (auto content =
          compare_text("agent_completed: data.content", *run.answer, task.answer()->content))
    return content;
  return compare_text("agent_completed: data.memory", run.memory_after.value_or("(none)"),
                      task.answer()->memory.value_or("(none)"));
}

// The agent goes on where the record does not.
void note_beyond(const KnownRun& run, const StepRequest& request, RerunReport& report) {
  if (has_ended_of_itself(run))
    report.difference = RerunDifference{"step " + std::to_string(report.steps + 1),
                                        "the run ended before it", "a " + kind_of(request)};
  else
    report.stopped = "the run is " + run.status + ": no further step is recorded";
}

}  // namespace

RerunReport rerun(const KnownRun& run, const UserId& user, router::Agent& agent) {
  RerunReport report;
  Recorder recorder;
  router::AgentRun agent_run({.context = {user, run.thread_id, run.run_id, run.websocket_client_id},
                              .content = run.content,
                              .memory = run.memory_before},
                             recorder);
  router::AgentTask task = agent.start(agent_run);
  for (;;) {
    task.resume();
    const auto request = recorder.take();
    const auto index = static_cast<std::size_t>(report.steps);
    if (!request) {
      if (index < run.steps.size())
        report.difference = RerunDifference{"step " + std::to_string(report.steps + 1),
                                            "a " + run.steps[index].kind, "the run ends before it"};
      else if (!run.ended_at)
        report.stopped = "the run has not ended in the record; now it would";
      else if (has_ended_of_itself(run))
        report.difference = compare_end(run, task);
      else
        report.stopped = "the run is " + run.status + ", from outside; now it would end of itself";
      return report;
    }
    if (index == run.steps.size()) {
      note_beyond(run, *request, report);
      return report;
    }
    const KnownStep& step = run.steps[index];
    const std::string name = "step " + std::to_string(step.step.value());
    if (auto difference = compare_step(step, *request)) {
      difference->where = name + ": " + difference->where;
      report.difference = std::move(difference);
      return report;
    }
    ++report.steps;
    auto result = result_of(step);
    if (!result) {
      report.stopped = name + " has no result in the record";
      return report;
    }
    agent_run.deliver(std::move(*result));
  }
}

std::string rerun_text(const RerunReport& report) {
  std::string text = std::to_string(report.steps) + " steps are the recorded ones\n";
  if (report.difference)
    return text + "DIFFERS at " + shown_text(report.difference->where, kShownMax) +
           "\n  recorded: " + shown_text(report.difference->recorded, kShownMax) +
           "\n  now:      " + shown_text(report.difference->now, kShownMax) + "\n";
  if (report.stopped) return text + "same so far: " + shown_text(*report.stopped, kShownMax) + "\n";
  return text + "same: today's code takes the same steps to the same end\n";
}

}  // namespace signalbox::replay
