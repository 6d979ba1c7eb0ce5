// Event: every fact the system can record about a user (contract 5). Start reading here.
// A struct below holds the `data` of one event name at its current version; field names are the
// wire's. Adding a type: event-store/contract/README.md lists the places the compiler will ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/json_text.hpp"

namespace signalbox {

// Why a run failed; persisted and shown by name.
enum class FailureCode {
  agent_error,
  deadline,
  attempts_exhausted,
  agent_diverged,
  output_too_large
};
// Why a command got no run.
enum class RejectCode {
  message_id_conflict,
  queue_full,
  unknown_agent,
  unsupported_version,
  malformed,
  poison,
  history_damaged,
};
enum class CancelRejectCode { run_ended, unknown_run };
enum class InputRejectCode { unknown_run, run_ended, unknown_request, already_answered, bad_input };
enum class ResumeReason { owner_lost, released };

[[nodiscard]] std::string_view to_text(FailureCode code);
[[nodiscard]] std::string_view to_text(RejectCode code);
[[nodiscard]] std::string_view to_text(CancelRejectCode code);
[[nodiscard]] std::string_view to_text(InputRejectCode code);
[[nodiscard]] std::string_view to_text(ResumeReason reason);

// Run events (agent_*, tool_*, run_resumed, model_completed, input_requested) had
// `websocket_connection_id` in version 1. It is `websocket_client_id` since version 2, and
// optional: writers leave it out, because the header ce_wsclientid has it (contract 14).

struct AgentStarted {
  std::string agent;
  std::string agent_version;
  MessageId message_id;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const AgentStarted&, const AgentStarted&) = default;
};

struct AgentThinking {
  Step step;
  std::string content;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const AgentThinking&, const AgentThinking&) = default;
};

struct ToolExecuting {
  Step step;
  CallId call_id;
  std::string name;
  JsonText arguments;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const ToolExecuting&, const ToolExecuting&) = default;
};

struct ToolError {
  std::string code;
  std::string message;
  friend bool operator==(const ToolError&, const ToolError&) = default;
};

struct ToolCompleted {
  Step step;
  CallId call_id;
  std::string name;
  std::optional<JsonText> result;  // exactly one of result and error
  std::optional<ToolError> error;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const ToolCompleted&, const ToolCompleted&) = default;
};

struct AgentCompleted {
  std::string content;
  std::optional<std::string> memory;  // at most kMemoryBytesMax; handed to the thread's next run
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const AgentCompleted&, const AgentCompleted&) = default;
};
inline constexpr std::size_t kMemoryBytesMax = 256;

struct AgentFailed {
  FailureCode code;
  std::string message;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const AgentFailed&, const AgentFailed&) = default;
};

struct AgentCancelled {
  std::string reason;
  std::string by;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const AgentCancelled&, const AgentCancelled&) = default;
};

struct RunResumed {
  ResumeReason reason;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const RunResumed&, const RunResumed&) = default;
};

struct ModelCompleted {
  Step step;
  std::string model;
  std::string request_sha256;  // lowercase hex
  JsonText output;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const ModelCompleted&, const ModelCompleted&) = default;
};

struct InputRequested {
  Step step;
  RequestId request_id;
  std::string prompt;
  JsonText schema;  // JSON Schema the answer must meet
  Timestamp expires;
  std::optional<WebsocketClientId> websocket_client_id{};
  friend bool operator==(const InputRequested&, const InputRequested&) = default;
};

struct MessageReceived {
  MessageId message_id;
  std::string content;
  std::string agent;
  friend bool operator==(const MessageReceived&, const MessageReceived&) = default;
};

struct MessageDuplicate {
  MessageId message_id;
  RunId run_id;
  friend bool operator==(const MessageDuplicate&, const MessageDuplicate&) = default;
};

struct MessageRejected {
  std::optional<MessageId> message_id;  // absent where the command had none that can be read
  RejectCode code;
  std::string message;
  friend bool operator==(const MessageRejected&, const MessageRejected&) = default;
};

struct CancelRequested {
  RunId run_id;
  std::string by;
  friend bool operator==(const CancelRequested&, const CancelRequested&) = default;
};

struct CancelRejected {
  RunId run_id;
  CancelRejectCode code;
  friend bool operator==(const CancelRejected&, const CancelRejected&) = default;
};

struct RunInputReceived {
  RunId run_id;
  RequestId request_id;
  JsonText data;
  friend bool operator==(const RunInputReceived&, const RunInputReceived&) = default;
};

struct RunInputRejected {
  RunId run_id;
  RequestId request_id;
  InputRejectCode code;
  friend bool operator==(const RunInputRejected&, const RunInputRejected&) = default;
};

struct HistoryViewed {
  std::string subject;
  JsonText query;
  friend bool operator==(const HistoryViewed&, const HistoryViewed&) = default;
};

using EventData =
    std::variant<AgentStarted, AgentThinking, ToolExecuting, ToolCompleted, AgentCompleted,
                 AgentFailed, AgentCancelled, RunResumed, ModelCompleted, InputRequested,
                 MessageReceived, MessageDuplicate, MessageRejected, CancelRequested,
                 CancelRejected, RunInputReceived, RunInputRejected, HistoryViewed>;

// An event with everything its headers say (contract 3). ce_chainhash is not here: it is over the
// stored bytes, which the codec makes and the owner chains.
struct Event {
  EventId id;
  std::string source;  // ce_source
  Timestamp time;
  UserId user_id;
  std::optional<ThreadId> thread_id;
  std::optional<RunId> run_id;
  std::optional<Attempt> attempt;
  WebsocketClientId websocket_client_id;
  Seq seq;
  Offset inbound_offset;
  Epoch epoch;
  OwnerSeq owner_seq;
  std::string causation_id;                // ce_id of the command or event that caused it
  std::optional<std::string> traceparent;  // W3C trace context, passed on unread
  EventData data;
};

// agent_completed, agent_failed, agent_cancelled: exactly one of these ends a run.
[[nodiscard]] bool is_terminal(const EventData& data);

}  // namespace signalbox
