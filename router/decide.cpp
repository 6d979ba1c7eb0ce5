// decide: what follows from a command, given the state. See routing_state.hpp.
#include <algorithm>
#include <functional>

#include "event-store/contract/identity.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/overloaded.hpp"
#include "router/agents/input_schema.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {
namespace {

const WebsocketClientId kRouterClient("svc_router");

Statement outcome(const Command& command, CommandPlace place, EventData data) {
  return Statement{.data = std::move(data),
                   .thread_id = std::nullopt,
                   .run_id = std::nullopt,
                   .attempt = std::nullopt,
                   .websocket_client_id = command.websocket_client_id,
                   .inbound_offset = place.inbound_offset,
                   .causation_id = command.id,
                   .traceparent = command.traceparent};
}

std::size_t count_phase(const RoutingState& state, RunPhase phase) {
  return static_cast<std::size_t>(std::ranges::count_if(
      state.runs, [phase](const auto& entry) { return entry.second.phase == phase; }));
}

// True when the thread has a run that runs (or waits for input) and as many behind it as may wait,
// or the user has as many waiting as may wait in all.
bool is_queue_full(const RoutingState& state, const ThreadId& thread, const RoutingLimits& limits) {
  const std::size_t waiting =
      count_phase(state, RunPhase::queued) + count_phase(state, RunPhase::waiting_for_input);
  if (waiting >= limits.waiting_per_user) return true;
  const auto found = state.threads.find(thread);
  // The first of the thread's runs has the thread; the others are its queue.
  return found != state.threads.end() && found->second.size() > limits.queue_per_thread;
}

std::vector<Statement> decide_message(const RoutingState& state, const Command& command,
                                      const UserMessage& message, CommandPlace place,
                                      const Rules& rules) {
  const std::string agent = message.agent.value_or(rules.default_agent);
  const RunId run_id = event_store::run_id_of(state.user_id, message.message_id);
  const auto reject = [&](RejectCode code, std::string why) {
    Statement statement =
        outcome(command, place, MessageRejected{message.message_id, code, std::move(why)});
    statement.thread_id = message.thread_id;
    return std::vector{std::move(statement)};
  };
  if (const auto seen = state.seen.find(message.message_id); seen != state.seen.end()) {
    if (seen->second.content_hash != content_hash_of(message.thread_id, message.content, agent))
      return reject(RejectCode::message_id_conflict,
                    "this message_id was used before for another message");
    Statement statement =
        outcome(command, place, MessageDuplicate{message.message_id, seen->second.run_id});
    statement.thread_id = message.thread_id;
    statement.run_id = seen->second.run_id;
    return {std::move(statement)};
  }
  if (std::ranges::find(rules.agents, agent) == rules.agents.end())
    return reject(RejectCode::unknown_agent, "this router has no agent of that name");
  if (is_queue_full(state, message.thread_id, rules.limits))
    return reject(RejectCode::queue_full, "too many messages wait already; send it again later");
  Statement statement =
      outcome(command, place, MessageReceived{message.message_id, message.content, agent});
  statement.thread_id = message.thread_id;
  statement.run_id = run_id;
  return {std::move(statement)};
}

// True when the user had a run of this id and it is over. Only as far back as message ids are
// remembered.
bool was_run(const RoutingState& state, const RunId& run_id) {
  return std::ranges::any_of(state.seen,
                             [&](const auto& entry) { return entry.second.run_id == run_id; });
}

std::vector<Statement> decide_cancel(const RoutingState& state, const Command& command,
                                     const CancelRun& cancel, CommandPlace place) {
  const auto found = state.runs.find(cancel.run_id);
  if (found == state.runs.end()) {
    const auto code =
        was_run(state, cancel.run_id) ? CancelRejectCode::run_ended : CancelRejectCode::unknown_run;
    Statement statement = outcome(command, place, CancelRejected{cancel.run_id, code});
    statement.run_id = cancel.run_id;
    return {std::move(statement)};
  }
  const OpenRun& run = found->second;
  Statement requested =
      outcome(command, place, CancelRequested{cancel.run_id, command.websocket_client_id.value()});
  requested.thread_id = run.thread_id;
  requested.run_id = run.run_id;
  std::vector<Statement> statements{std::move(requested)};
  // Nothing is under way in a queued or waiting run, so it ends at once; a running one ends when
  // its supervisor has stopped the step.
  if (run.phase != RunPhase::running)
    statements.push_back(statement_of(
        run, AgentCancelled{.reason = "cancelled", .by = command.websocket_client_id.value()}));
  return statements;
}

const RecordedQuestion* find_question(const OpenRun& run, const RequestId& request) {
  for (const RecordedStep& step : run.steps)
    if (const auto* question = std::get_if<RecordedQuestion>(&step))
      if (question->request_id == request) return question;
  return nullptr;
}

std::vector<Statement> decide_input(const RoutingState& state, const Command& command,
                                    const RunInput& input, CommandPlace place) {
  const auto found = state.runs.find(input.run_id);
  const auto reject = [&](InputRejectCode code) {
    Statement statement =
        outcome(command, place, RunInputRejected{input.run_id, input.request_id, code});
    statement.run_id = input.run_id;
    if (found != state.runs.end()) statement.thread_id = found->second.thread_id;
    return std::vector{std::move(statement)};
  };
  if (found == state.runs.end())
    return reject(was_run(state, input.run_id) ? InputRejectCode::run_ended
                                               : InputRejectCode::unknown_run);
  const OpenRun& run = found->second;
  const RecordedQuestion* question = find_question(run, input.request_id);
  if (question == nullptr) return reject(InputRejectCode::unknown_request);
  if (question->answer) return reject(InputRejectCode::already_answered);
  if (!check_input(JsonText(question->schema.text), input.data))
    return reject(InputRejectCode::bad_input);
  Statement statement =
      outcome(command, place, RunInputReceived{input.run_id, input.request_id, input.data});
  statement.thread_id = run.thread_id;
  statement.run_id = run.run_id;
  return {std::move(statement)};
}

}  // namespace

Statement statement_of(const OpenRun& run, EventData data) {
  // The agent's last word may have waited while a cancel was answered: that one holds.
  if (run.cancelled_by && is_terminal(data))
    data = AgentCancelled{.reason = "cancelled", .by = *run.cancelled_by};
  return Statement{.data = std::move(data),
                   .thread_id = run.thread_id,
                   .run_id = run.run_id,
                   .attempt = run.attempt,
                   .websocket_client_id = run.websocket_client_id,
                   .inbound_offset = run.inbound_offset,
                   .causation_id = run.causation_id,
                   .traceparent = run.traceparent};
}

Statement decide_refusal(const Refusal& refusal, CommandPlace place) {
  return Statement{.data = MessageRejected{refusal.message_id, refusal.code, refusal.message},
                   .thread_id = std::nullopt,
                   .run_id = std::nullopt,
                   .attempt = std::nullopt,
                   .websocket_client_id = refusal.websocket_client_id.value_or(kRouterClient),
                   .inbound_offset = place.inbound_offset,
                   .causation_id = refusal.causation_id,
                   .traceparent = std::nullopt};
}

std::vector<Statement> decide(const RoutingState& state, const Command& command, CommandPlace place,
                              const Rules& rules) {
  if (state.damaged_at) {
    Refusal refusal{.code = RejectCode::history_damaged,
                    .message = "this user's history is damaged; nothing is added to it",
                    .message_id = std::nullopt,
                    .causation_id = command.id,
                    .websocket_client_id = command.websocket_client_id};
    if (const auto* message = std::get_if<UserMessage>(&command.data))
      refusal.message_id = message->message_id;
    return {decide_refusal(refusal, place)};
  }
  return std::visit(
      Overloaded{
          [&](const UserMessage& message) {
            return decide_message(state, command, message, place, rules);
          },
          [&](const CancelRun& cancel) { return decide_cancel(state, command, cancel, place); },
          [&](const RunInput& input) { return decide_input(state, command, input, place); },
          [&](const ViewHistory& view) {
            return std::vector{outcome(command, place, HistoryViewed{view.subject, view.query})};
          },
      },
      command.data);
}

std::vector<Statement> decide_starts(const RoutingState& state, const Rules& rules,
                                     const AgentVersion& agent_version, std::size_t starts_max) {
  if (state.damaged_at) return {};
  const std::size_t running = running_count(state);
  const std::size_t free =
      rules.limits.runs_per_user > running ? rules.limits.runs_per_user - running : 0;
  std::vector<const OpenRun*> ready;
  for (const auto& [thread, run_ids] : state.threads) {
    const OpenRun& first = state.runs.at(run_ids.front());
    if (first.phase == RunPhase::queued && !first.cancelled_by) ready.push_back(&first);
  }
  std::ranges::sort(ready, {}, [](const OpenRun* run) { return run->inbound_offset; });
  ready.resize(std::min({ready.size(), free, starts_max}));
  std::vector<Statement> statements;
  for (const OpenRun* run : ready)
    statements.push_back(statement_of(*run, AgentStarted{.agent = run->agent,
                                                         .agent_version = agent_version(run->agent),
                                                         .message_id = run->message_id}));
  return statements;
}

std::vector<Statement> decide_resumption(const RoutingState& state, ResumeReason reason,
                                         const RoutingLimits& limits) {
  std::vector<Statement> statements;
  if (state.damaged_at) return statements;
  for (const auto& [run_id, run] : state.runs) {
    if (run.cancelled_by) {
      statements.push_back(
          statement_of(run, AgentCancelled{.reason = "cancelled", .by = *run.cancelled_by}));
      continue;
    }
    if (run.phase == RunPhase::queued) continue;
    if (reason == ResumeReason::owner_lost && run.tries >= limits.tries_max) {
      statements.push_back(statement_of(
          run, AgentFailed{.code = FailureCode::attempts_exhausted,
                           .message = "the run was interrupted too often without making a step"}));
      continue;
    }
    Statement resumed = statement_of(run, RunResumed{.reason = reason});
    resumed.attempt = run.attempt.next();
    statements.push_back(std::move(resumed));
  }
  return statements;
}

}  // namespace signalbox::router
