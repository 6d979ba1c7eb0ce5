// The data of every event, described (contract 5).
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/contract/downcasters.hpp"
#include "event-store/contract/upcasters.hpp"
#include "event-store/model/event.hpp"

namespace signalbox::event_store {

template <>
struct EnumNames<FailureCode> {
  static constexpr std::array kValues = {
      FailureCode::agent_error, FailureCode::deadline, FailureCode::attempts_exhausted,
      FailureCode::agent_diverged, FailureCode::output_too_large};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {
      "agent_error", "deadline", "attempts_exhausted", "agent_diverged", "output_too_large"};
};

template <>
struct EnumNames<RejectCode> {
  static constexpr std::array kValues = {
      RejectCode::message_id_conflict, RejectCode::queue_full, RejectCode::unknown_agent,
      RejectCode::unsupported_version, RejectCode::malformed,  RejectCode::poison,
      RejectCode::history_damaged};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {
      "message_id_conflict", "queue_full", "unknown_agent",  "unsupported_version",
      "malformed",           "poison",     "history_damaged"};
};

template <>
struct EnumNames<CancelRejectCode> {
  static constexpr std::array kValues = {CancelRejectCode::run_ended,
                                         CancelRejectCode::unknown_run};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {"run_ended",
                                                                          "unknown_run"};
};

template <>
struct EnumNames<InputRejectCode> {
  static constexpr std::array kValues = {
      InputRejectCode::unknown_run, InputRejectCode::run_ended, InputRejectCode::unknown_request,
      InputRejectCode::already_answered, InputRejectCode::bad_input};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {
      "unknown_run", "run_ended", "unknown_request", "already_answered", "bad_input"};
};

template <>
struct EnumNames<ResumeReason> {
  static constexpr std::array kValues = {ResumeReason::owner_lost, ResumeReason::released};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {"owner_lost", "released"};
};

// Run events had `websocket_connection_id` in version 1.
struct RunEvent {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr int version = 2;
  static constexpr std::array<Upcaster, 1> upcasters{rename_websocket_connection_id};
  static constexpr std::array<Downcaster, 1> downcasters{add_websocket_connection_id};
};

// Every other event has had one version so far.
struct FirstEvent {
  static constexpr ContractKind kind = ContractKind::event;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<ToolError> {
  static constexpr auto fields =
      std::tuple(field("code", &ToolError::code), field("message", &ToolError::message));
};

template <>
struct Contract<AgentStarted> : RunEvent {
  static constexpr std::string_view name = "agent_started";
  static constexpr std::string_view about = "A run starts, not when it is queued.";
  static constexpr auto fields = std::tuple(
      field("agent", &AgentStarted::agent), field("agent_version", &AgentStarted::agent_version),
      field("message_id", &AgentStarted::message_id),
      field("websocket_client_id", &AgentStarted::websocket_client_id));
};

template <>
struct Contract<AgentThinking> : RunEvent {
  static constexpr std::string_view name = "agent_thinking";
  static constexpr std::string_view about = "What the agent considers in a step.";
  static constexpr auto fields =
      std::tuple(field("step", &AgentThinking::step), field("content", &AgentThinking::content),
                 field("websocket_client_id", &AgentThinking::websocket_client_id));
};

template <>
struct Contract<ToolExecuting> : RunEvent {
  static constexpr std::string_view name = "tool_executing";
  static constexpr std::string_view about =
      "A tool is about to be called; the event counts before the call is made.";
  static constexpr auto fields =
      std::tuple(field("step", &ToolExecuting::step), field("call_id", &ToolExecuting::call_id),
                 field("name", &ToolExecuting::name), field("arguments", &ToolExecuting::arguments),
                 field("websocket_client_id", &ToolExecuting::websocket_client_id));
};

template <>
struct Contract<ToolCompleted> : RunEvent {
  static constexpr std::string_view name = "tool_completed";
  static constexpr std::string_view about = "What a tool answered, or why it did not.";
  static constexpr auto fields =
      std::tuple(field("step", &ToolCompleted::step), field("call_id", &ToolCompleted::call_id),
                 field("name", &ToolCompleted::name), field("result", &ToolCompleted::result),
                 field("error", &ToolCompleted::error),
                 field("websocket_client_id", &ToolCompleted::websocket_client_id));
  static constexpr std::array<std::string_view, 2> exactly_one_of{"result", "error"};
};

template <>
struct Contract<AgentCompleted> : RunEvent {
  static constexpr std::string_view name = "agent_completed";
  static constexpr std::string_view about =
      "Ends a run: the whole answer. `memory` goes to the thread's next run, never to a client.";
  static constexpr auto fields =
      std::tuple(field("content", &AgentCompleted::content),
                 field("memory", &AgentCompleted::memory, {.bytes_max = kMemoryBytesMax}),
                 field("websocket_client_id", &AgentCompleted::websocket_client_id));
};

template <>
struct Contract<AgentFailed> : RunEvent {
  static constexpr std::string_view name = "agent_failed";
  static constexpr std::string_view about = "Ends a run: why there is no answer.";
  static constexpr auto fields =
      std::tuple(field("code", &AgentFailed::code), field("message", &AgentFailed::message),
                 field("websocket_client_id", &AgentFailed::websocket_client_id));
};

template <>
struct Contract<AgentCancelled> : RunEvent {
  static constexpr std::string_view name = "agent_cancelled";
  static constexpr std::string_view about = "Ends a run: somebody asked for it.";
  static constexpr auto fields =
      std::tuple(field("reason", &AgentCancelled::reason), field("by", &AgentCancelled::by),
                 field("websocket_client_id", &AgentCancelled::websocket_client_id));
};

template <>
struct Contract<RunResumed> : RunEvent {
  static constexpr std::string_view name = "run_resumed";
  static constexpr std::string_view about = "A new owner goes on with a run; attempt + 1.";
  static constexpr auto fields =
      std::tuple(field("reason", &RunResumed::reason),
                 field("websocket_client_id", &RunResumed::websocket_client_id));
};

template <>
struct Contract<ModelCompleted> : RunEvent {
  static constexpr std::string_view name = "model_completed";
  static constexpr std::string_view about =
      "What a model answered, recorded so that a run can go on and be re-run.";
  static constexpr auto fields = std::tuple(
      field("step", &ModelCompleted::step), field("model", &ModelCompleted::model),
      field("request_sha256", &ModelCompleted::request_sha256, {.form = TextForm::sha256_hex}),
      field("output", &ModelCompleted::output),
      field("websocket_client_id", &ModelCompleted::websocket_client_id));
};

template <>
struct Contract<InputRequested> : RunEvent {
  static constexpr std::string_view name = "input_requested";
  static constexpr std::string_view about = "A run waits for a person.";
  static constexpr auto fields = std::tuple(
      field("step", &InputRequested::step), field("request_id", &InputRequested::request_id),
      field("prompt", &InputRequested::prompt), field("schema", &InputRequested::schema),
      field("expires", &InputRequested::expires),
      field("websocket_client_id", &InputRequested::websocket_client_id));
};

template <>
struct Contract<MessageReceived> : FirstEvent {
  static constexpr std::string_view name = "message_received";
  static constexpr std::string_view about = "Outcome of user_message: it will get a run.";
  static constexpr auto fields = std::tuple(field("message_id", &MessageReceived::message_id),
                                            field("content", &MessageReceived::content),
                                            field("agent", &MessageReceived::agent));
};

template <>
struct Contract<MessageDuplicate> : FirstEvent {
  static constexpr std::string_view name = "message_duplicate";
  static constexpr std::string_view about =
      "Outcome of user_message: the same message was received before.";
  static constexpr auto fields = std::tuple(field("message_id", &MessageDuplicate::message_id),
                                            field("run_id", &MessageDuplicate::run_id));
};

template <>
struct Contract<MessageRejected> : FirstEvent {
  static constexpr std::string_view name = "message_rejected";
  static constexpr std::string_view about = "Outcome of a command that gets no run, and why.";
  static constexpr auto fields = std::tuple(field("message_id", &MessageRejected::message_id),
                                            field("code", &MessageRejected::code),
                                            field("message", &MessageRejected::message));
};

template <>
struct Contract<CancelRequested> : FirstEvent {
  static constexpr std::string_view name = "cancel_requested";
  static constexpr std::string_view about = "Outcome of cancel_run: the run will be cancelled.";
  static constexpr auto fields =
      std::tuple(field("run_id", &CancelRequested::run_id), field("by", &CancelRequested::by));
};

template <>
struct Contract<CancelRejected> : FirstEvent {
  static constexpr std::string_view name = "cancel_rejected";
  static constexpr std::string_view about = "Outcome of cancel_run: there is nothing to cancel.";
  static constexpr auto fields =
      std::tuple(field("run_id", &CancelRejected::run_id), field("code", &CancelRejected::code));
};

template <>
struct Contract<RunInputReceived> : FirstEvent {
  static constexpr std::string_view name = "run_input_received";
  static constexpr std::string_view about = "Outcome of run_input: the run goes on with it.";
  static constexpr auto fields = std::tuple(field("run_id", &RunInputReceived::run_id),
                                            field("request_id", &RunInputReceived::request_id),
                                            field("data", &RunInputReceived::data));
};

template <>
struct Contract<RunInputRejected> : FirstEvent {
  static constexpr std::string_view name = "run_input_rejected";
  static constexpr std::string_view about = "Outcome of run_input: nobody waits for it.";
  static constexpr auto fields = std::tuple(field("run_id", &RunInputRejected::run_id),
                                            field("request_id", &RunInputRejected::request_id),
                                            field("code", &RunInputRejected::code));
};

template <>
struct Contract<HistoryViewed> : FirstEvent {
  static constexpr std::string_view name = "history_viewed";
  static constexpr std::string_view about =
      "Outcome of view_history, in the history of the one who looked.";
  static constexpr auto fields =
      std::tuple(field("subject", &HistoryViewed::subject), field("query", &HistoryViewed::query));
};

}  // namespace signalbox::event_store
