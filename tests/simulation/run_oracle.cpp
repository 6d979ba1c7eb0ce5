#include "tests/simulation/run_oracle.hpp"

#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"

namespace signalbox::simulation {
namespace {

using Steps = std::vector<std::string>;

// Of a run that answers.
const Steps& all_steps_of(const std::string& agent) {
  static const Steps echo{"think echo"};
  static const Steps count{"call count", "think once more", "call count"};
  static const Steps ask{"ask Shall I?"};
  return agent == "echo" ? echo : agent == "count" ? count : ask;
}

bool begins_with(const Steps& all, const Steps& some) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace

std::string RunOracle::take(const Event& event) {
  if (!event.run_id) return "";
  if (const auto* received = std::get_if<MessageReceived>(&event.data)) {
    if (!event.thread_id) return "a run of no thread";
    const Run run{
        .agent = received->agent, .content = received->content, .thread = *event.thread_id};
    if (!open_.emplace(*event.run_id, run).second) return "a run begins that has begun before";
    return "";
  }
  const auto found = open_.find(*event.run_id);
  if (found == open_.end()) return "";
  Run& run = found->second;
  if (const auto* input = std::get_if<RunInputReceived>(&event.data)) {
    run.confirmed = nlohmann::json::parse(input->data.value()).at("confirmed").get<bool>();
    run.lost = 0;
  }
  const auto* resumed = std::get_if<RunResumed>(&event.data);
  const bool waits = run.expires != Timestamp{} && !run.confirmed;
  if (resumed != nullptr && resumed->reason == ResumeReason::owner_lost && !waits) ++run.lost;
  if (std::holds_alternative<CancelRequested>(event.data)) run.cancelled = true;
  if (!is_terminal(event.data)) return take_step(run, event);
  const std::string wrong = take_end(run, event);
  if (const auto runs = running_.find(run.thread);
      runs != running_.end() && runs->second == found->first)
    running_.erase(runs);
  open_.erase(found);
  return wrong;
}

std::string RunOracle::take_step(Run& run, const Event& event) {
  if (const auto* started = std::get_if<AgentStarted>(&event.data))
    return take_started(run, *event.run_id, *started);
  if (const auto* call = std::get_if<ToolExecuting>(&event.data)) return take_call(run, *call);
  if (const auto* completed = std::get_if<ToolCompleted>(&event.data)) {
    if (run.open_call != completed->call_id) return "the result of a call that is not open";
    run.open_call.reset();
    run.lost = 0;
    if (completed->error && completed->error->code != "deadline")
      return "a call failed: " + completed->error->code;
    return "";
  }
  if (const auto* thought = std::get_if<AgentThinking>(&event.data)) {
    run.steps.push_back("think " + thought->content);
  } else if (const auto* asked = std::get_if<InputRequested>(&event.data)) {
    run.steps.push_back("ask " + asked->prompt);
    run.expires = asked->expires;
  } else {
    return "";
  }
  run.lost = 0;
  if (!run.started) return "a step of a run that has not started";
  if (run.open_call) return "a step while a call is open";
  return begins_with(all_steps_of(run.agent), run.steps) ? ""
                                                         : "a step that its agent does not take";
}

std::string RunOracle::take_started(Run& run, const RunId& id, const AgentStarted& started) {
  if (started.agent != run.agent) return "another agent than was asked";
  if (std::exchange(run.started, true)) return "a run that starts twice";
  return running_.emplace(run.thread, id).second ? "" : "two runs of one thread at a time";
}

// Stated again by each owner that calls it.
std::string RunOracle::take_call(Run& run, const ToolExecuting& call) {
  if (!run.started) return "a call of a run that has not started";
  if (run.open_call) return run.open_call == call.call_id ? "" : "a call while another is open";
  run.open_call = call.call_id;
  run.lost = 0;
  run.steps.push_back("call " + call.name);
  if (static_cast<int>(run.steps.size()) != call.step.value()) return "a call of another step";
  return begins_with(all_steps_of(run.agent), run.steps) ? ""
                                                         : "a call that its agent does not make";
}

std::string RunOracle::take_end(const Run& run, const Event& event) {
  if (std::holds_alternative<AgentCancelled>(event.data))
    return run.cancelled ? "" : "a run was cancelled that nobody cancelled";
  if (run.cancelled) return "a run was to be cancelled and ended otherwise";
  if (!run.started) return "a run ended before it started";
  if (const auto* failed = std::get_if<AgentFailed>(&event.data))
    return check_failure(run, *failed, event.time);
  return check_answer(run, std::get<AgentCompleted>(event.data));
}

std::string RunOracle::check_failure(const Run& run, const AgentFailed& failed,
                                     Timestamp time) const {
  if (failed.code == FailureCode::attempts_exhausted && run.lost >= rules_.tries_max) return "";
  const bool waited = run.agent == "ask" && run.steps == all_steps_of("ask") && !run.confirmed &&
                      (rules_.clock_jumped || time >= run.expires);
  if (failed.code == FailureCode::deadline && waited) return "";
  return "its agent does not fail: " + std::string(to_text(failed.code)) + " " + failed.message;
}

std::string RunOracle::check_answer(const Run& run, const AgentCompleted& completed) {
  if (run.open_call || run.steps != all_steps_of(run.agent))
    return "an answer before its last step";
  if (run.agent == "ask") {
    if (!run.confirmed) return "an answer without the one it waited for";
    return completed.content == (*run.confirmed ? "Confirmed." : "Not confirmed.")
               ? ""
               : "another answer than its agent gives";
  }
  if (completed.content != run.content) return "another answer than its agent gives";
  if (run.agent != "echo") return "";
  return completed.memory == std::to_string(++runs_of_echo_[run.thread])
             ? ""
             : "another memory than that of its thread";
}

}  // namespace signalbox::simulation
