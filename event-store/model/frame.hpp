// Frames of the WebSocket subprotocol signalbox.v1 (contract 11) other than events and progress,
// which are made from records (event-store/contract/frame_codec.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "event-store/model/ids.hpp"
#include "event-store/model/json_text.hpp"
#include "event-store/model/result.hpp"

namespace signalbox {

// ---- client to server
struct AuthenticateFrame {
  std::string token;
};
struct UserMessageFrame {
  MessageId message_id;
  ThreadId thread_id;
  std::string content;
  std::optional<std::string> agent;
  std::optional<std::string> traceparent;
};
struct CancelRunFrame {
  RunId run_id;
};
struct RunInputFrame {
  RunId run_id;
  RequestId request_id;
  JsonText data;
};
struct ResumeFrame {
  std::optional<std::string> cursor;  // exactly one of cursor and from
  std::optional<std::string> from;    // "latest" or "start"
};
struct RefreshTokenFrame {
  std::string token;
};
struct PingFrame {
  std::optional<std::string> nonce;
};
using ClientFrameData = std::variant<AuthenticateFrame, UserMessageFrame, CancelRunFrame,
                                     RunInputFrame, ResumeFrame, RefreshTokenFrame, PingFrame>;
struct ClientFrame {
  std::optional<std::string> id;  // at most 64 bytes, echoed in the answer
  ClientFrameData data;
};

// ---- server to client
struct ConnectionReadyFrame {
  WebsocketClientId websocket_client_id;
  UserId user_id;
  std::optional<std::string> cursor;  // absent after cursor_invalid on connect
  std::int64_t heartbeat_seconds;
  std::int64_t frame_bytes_max;
  std::int32_t shard;  // the user's partition, for load balancers (contract 13)
};
struct AckFrame {
  std::optional<std::string> id;
  std::optional<MessageId> message_id;
  std::optional<RunId> run_id;
};
struct CaughtUpFrame {
  std::string cursor;
};
struct DrainingFrame {
  std::int64_t reconnect_after_ms;
  std::optional<std::string> cursor;
};
struct ErrorFrame {
  std::optional<std::string> id;
  Errc code;
  std::string message;
  std::optional<std::string> field;
  std::optional<std::string> hint;
  std::optional<MessageId> message_id;
  std::optional<std::int64_t> retry_after_ms;
  std::optional<std::string> reason;         // cursor_invalid only
  std::optional<std::string> oldest_cursor;  // cursor_invalid only
};
struct PongFrame {
  std::optional<std::string> id;
  std::optional<std::string> nonce;
};
using ServerFrame = std::variant<ConnectionReadyFrame, AckFrame, CaughtUpFrame, DrainingFrame,
                                 ErrorFrame, PongFrame>;

}  // namespace signalbox
