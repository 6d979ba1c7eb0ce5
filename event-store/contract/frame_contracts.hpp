// The frames of signalbox.v1, described (contract 11). Every frame also has `type`, its name, and
// every client frame may have `id`; those two are not among the fields here.
#pragma once

#include "event-store/contract/connection_contracts.hpp"
#include "event-store/contract/contract_type.hpp"
#include "event-store/model/frame.hpp"

namespace signalbox::event_store {

inline constexpr std::size_t kFrameIdBytesMax = 64;
inline constexpr std::array<std::string_view, 2> kResumePlaces = {"latest", "start"};
inline constexpr std::array<std::string_view, 6> kCursorFaults = {
    "other_user", "other_log", "other_partition", "beyond_end", "expired", "damaged"};

// Of all codes those a client may see.
template <>
struct EnumNames<Errc> {
  static constexpr std::array kValues = {
      Errc::bad_json,         Errc::unknown_type,   Errc::missing_field, Errc::bad_field,
      Errc::deprecated_field, Errc::too_large,      Errc::unknown_agent, Errc::cursor_invalid,
      Errc::token_invalid,    Errc::forbidden,      Errc::rate_limited,  Errc::overloaded,
      Errc::log_unavailable,  Errc::history_damaged};
  static constexpr std::array<std::string_view, kValues.size()> kNames = {
      "bad_json",     "unknown_type",  "missing_field",   "bad_field",      "deprecated_field",
      "too_large",    "unknown_agent", "cursor_invalid",  "token_invalid",  "forbidden",
      "rate_limited", "overloaded",    "log_unavailable", "history_damaged"};
};

// ---- client to server
struct FirstClientFrame {
  static constexpr ContractKind kind = ContractKind::client_frame;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<AuthenticateFrame> : FirstClientFrame {
  static constexpr std::string_view name = "authenticate";
  static constexpr std::string_view about = "The token, where the handshake had none.";
  static constexpr auto fields = std::tuple(field("token", &AuthenticateFrame::token));
};

template <>
struct Contract<UserMessageFrame> : FirstClientFrame {
  static constexpr std::string_view name = "user_message";
  static constexpr std::string_view about = "Asks an agent for an answer.";
  static constexpr auto fields = std::tuple(
      field("message_id", &UserMessageFrame::message_id),
      field("thread_id", &UserMessageFrame::thread_id),
      field("content", &UserMessageFrame::content),
      field("agent", &UserMessageFrame::agent, JsonForm<MessageId>::kBounds),
      field("traceparent", &UserMessageFrame::traceparent, JsonForm<MessageId>::kBounds));
};

template <>
struct Contract<CancelRunFrame> : FirstClientFrame {
  static constexpr std::string_view name = "cancel_run";
  static constexpr std::string_view about = "Asks for the end of a run.";
  static constexpr auto fields = std::tuple(field("run_id", &CancelRunFrame::run_id));
};

template <>
struct Contract<RunInputFrame> : FirstClientFrame {
  static constexpr std::string_view name = "run_input";
  static constexpr std::string_view about = "Answers an input_requested.";
  static constexpr auto fields = std::tuple(field("run_id", &RunInputFrame::run_id),
                                            field("request_id", &RunInputFrame::request_id),
                                            field("data", &RunInputFrame::data));
};

template <>
struct Contract<ResumeFrame> : FirstClientFrame {
  static constexpr std::string_view name = "resume";
  static constexpr std::string_view about = "Asks for the events after a place, again.";
  static constexpr auto fields =
      std::tuple(field("cursor", &ResumeFrame::cursor),
                 field("from", &ResumeFrame::from, {.one_of = kResumePlaces}));
  static constexpr std::array<std::string_view, 2> exactly_one_of{"cursor", "from"};
};

template <>
struct Contract<RefreshTokenFrame> : FirstClientFrame {
  static constexpr std::string_view name = "refresh_token";
  static constexpr std::string_view about = "A later token of the same user.";
  static constexpr auto fields = std::tuple(field("token", &RefreshTokenFrame::token));
};

template <>
struct Contract<PingFrame> : FirstClientFrame {
  static constexpr std::string_view name = "ping";
  static constexpr std::string_view about = "Asks for a pong.";
  static constexpr auto fields = std::tuple(field("nonce", &PingFrame::nonce));
};

// ---- server to client
struct FirstServerFrame {
  static constexpr ContractKind kind = ContractKind::server_frame;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<ConnectionReadyFrame> : FirstServerFrame {
  static constexpr std::string_view name = "connection_ready";
  static constexpr std::string_view about =
      "The stream of this socket starts after `cursor`; absent where the one asked for was "
      "refused.";
  static constexpr auto fields = std::tuple(
      field("websocket_client_id", &ConnectionReadyFrame::websocket_client_id),
      field("user_id", &ConnectionReadyFrame::user_id),
      field("cursor", &ConnectionReadyFrame::cursor),
      field("heartbeat_seconds", &ConnectionReadyFrame::heartbeat_seconds, {.smallest = 0}),
      field("frame_bytes_max", &ConnectionReadyFrame::frame_bytes_max, {.smallest = 0}),
      field("shard", &ConnectionReadyFrame::shard, {.smallest = 0, .largest = 65535}));
};

template <>
struct Contract<AckFrame> : FirstServerFrame {
  static constexpr std::string_view name = "ack";
  static constexpr std::string_view about = "What was sent is durable, nothing more.";
  static constexpr auto fields =
      std::tuple(field("id", &AckFrame::id, {.bytes_max = kFrameIdBytesMax}),
                 field("message_id", &AckFrame::message_id), field("run_id", &AckFrame::run_id));
};

template <>
struct Contract<CaughtUpFrame> : FirstServerFrame {
  static constexpr std::string_view name = "caught_up";
  static constexpr std::string_view about = "Everything from here on is live.";
  static constexpr auto fields = std::tuple(field("cursor", &CaughtUpFrame::cursor));
};

template <>
struct Contract<DrainingFrame> : FirstServerFrame {
  static constexpr std::string_view name = "draining";
  static constexpr std::string_view about = "The gateway leaves; come back with the cursor.";
  static constexpr auto fields =
      std::tuple(field("reconnect_after_ms", &DrainingFrame::reconnect_after_ms, {.smallest = 0}),
                 field("cursor", &DrainingFrame::cursor));
};

template <>
struct Contract<ErrorFrame> : FirstServerFrame {
  static constexpr std::string_view name = "error";
  static constexpr std::string_view about = "What was sent is refused, and which field is wrong.";
  static constexpr auto fields =
      std::tuple(field("id", &ErrorFrame::id, {.bytes_max = kFrameIdBytesMax}),
                 field("code", &ErrorFrame::code), field("message", &ErrorFrame::message),
                 field("field", &ErrorFrame::field), field("hint", &ErrorFrame::hint),
                 field("message_id", &ErrorFrame::message_id),
                 field("retry_after_ms", &ErrorFrame::retry_after_ms, {.smallest = 0}),
                 field("reason", &ErrorFrame::reason, {.one_of = kCursorFaults}),
                 field("oldest_cursor", &ErrorFrame::oldest_cursor));
};

template <>
struct Contract<PongFrame> : FirstServerFrame {
  static constexpr std::string_view name = "pong";
  static constexpr std::string_view about = "Answers a ping.";
  static constexpr auto fields =
      std::tuple(field("id", &PongFrame::id, {.bytes_max = kFrameIdBytesMax}),
                 field("nonce", &PongFrame::nonce));
};

// ---- frames of records; gateways splice them from headers and value without making one of these
struct EventFrame {
  Seq seq;
  std::string cursor;
  Timestamp time;
  UserId user_id;
  std::optional<ThreadId> thread_id;
  std::optional<RunId> run_id;
  WebsocketClientId websocket_client_id;
  std::optional<Attempt> attempt;
  JsonText data;
};

struct ProgressFrame {
  Timestamp time;
  UserId user_id;
  ThreadId thread_id;
  RunId run_id;
  WebsocketClientId websocket_client_id;
  Attempt attempt;
  AgentResponding data;
};

using RecordFrame = std::variant<EventFrame, ProgressFrame>;

// Its `type` is the bare name of the event.
template <>
struct Contract<EventFrame> : FirstServerFrame {
  static constexpr std::string_view name = "event";
  static constexpr std::string_view about =
      "An event; `type` is its name, `data` as that event's schema has it without `memory`.";
  static constexpr auto fields =
      std::tuple(field("seq", &EventFrame::seq), field("cursor", &EventFrame::cursor),
                 field("time", &EventFrame::time), field("user_id", &EventFrame::user_id),
                 field("thread_id", &EventFrame::thread_id), field("run_id", &EventFrame::run_id),
                 field("websocket_client_id", &EventFrame::websocket_client_id),
                 field("attempt", &EventFrame::attempt), field("data", &EventFrame::data));
};

template <>
struct Contract<ProgressFrame> : FirstServerFrame {
  static constexpr std::string_view name = "agent_responding";
  static constexpr std::string_view about = "A piece of a growing answer; no seq, no cursor.";
  static constexpr auto fields = std::tuple(
      field("time", &ProgressFrame::time), field("user_id", &ProgressFrame::user_id),
      field("thread_id", &ProgressFrame::thread_id), field("run_id", &ProgressFrame::run_id),
      field("websocket_client_id", &ProgressFrame::websocket_client_id),
      field("attempt", &ProgressFrame::attempt), field("data", &ProgressFrame::data));
};

}  // namespace signalbox::event_store
