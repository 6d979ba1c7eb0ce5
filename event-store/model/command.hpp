// Command: what a client asks for, a record in inbound (contract 4). Nobody but the owner of the
// partition decides what becomes of it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/json_text.hpp"

namespace signalbox {

struct UserMessage {
  MessageId message_id;
  ThreadId thread_id;
  std::string content;
  std::optional<std::string> agent;  // absent: the router's default agent
  friend bool operator==(const UserMessage&, const UserMessage&) = default;
};

struct CancelRun {
  RunId run_id;
  friend bool operator==(const CancelRun&, const CancelRun&) = default;
};

struct RunInput {
  RunId run_id;
  RequestId request_id;
  JsonText data;
  friend bool operator==(const RunInput&, const RunInput&) = default;
};

struct ViewHistory {
  std::string subject;
  JsonText query;
  friend bool operator==(const ViewHistory&, const ViewHistory&) = default;
};

using CommandData = std::variant<UserMessage, CancelRun, RunInput, ViewHistory>;

struct Command {
  std::string id;      // ce_id: of ours a random UUID, of a foreign producer any text
  std::string source;  // ce_source
  Timestamp time;      // of who wrote it; shown, never used for order
  UserId user_id;
  WebsocketClientId websocket_client_id;
  std::optional<std::string> traceparent;
  CommandData data;
};

}  // namespace signalbox
