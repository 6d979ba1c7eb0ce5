// WebSocketClient: one WebSocket of a client of ours (bench, watch), over Asio, with its own
// handshake and framing, plain or over TLS. It answers pings, takes part in the closing handshake
// and ends when it hears nothing for `silence_max` (the server pings more often). Lifetime: a
// shared object that operations in flight keep alive; after abort() the sink is not called any
// more. Thread: that of its io_context.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/client/client_stream.hpp"
#include "ops/client/websocket_frames.hpp"

namespace signalbox::client {

struct WebSocketUrl {
  std::string host;
  std::string port;
  std::string path;     // with query, from the first slash on
  bool secure = false;  // wss
};
// `ws://HOST[:PORT][/PATH]` or `wss://...`, [HOST] in brackets for IPv6, which `host` leaves out;
// an empty host where the text is not one.
[[nodiscard]] WebSocketUrl parse_websocket_url(std::string_view text);

struct WebSocketRequest {
  WebSocketUrl url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string subprotocol;  // the one offered; the server must answer with it
  // What the server's certificate is checked with, for a secure url; null is a plain socket.
  std::shared_ptr<asio::ssl::context> tls{};
  std::size_t message_bytes_max = 1 << 20;
  std::chrono::milliseconds connect_max{10'000};
  std::chrono::milliseconds silence_max{70'000};
};

// Why a socket ended.
struct WebSocketEnd {
  enum class Kind {
    unreachable,  // no connection, or no answer to the handshake
    refused,      // the handshake was answered by another HTTP status
    closed,       // the server closed it, with `code`
    broken,       // the connection ended without a close frame, or fell silent
    fault,        // the server broke the protocol
  } kind;
  int code;  // HTTP status or close code; 0 where there is none
  std::string reason;
};

class WebSocketSink {
 public:
  virtual ~WebSocketSink() = default;
  // The connection stands, with TLS where it is secure; the upgrade is asked for next.
  virtual void on_connected() {}
  virtual void on_open() = 0;
  virtual void on_text(std::string_view text) = 0;
  // Once, also when the socket never opened; never after abort().
  virtual void on_end(const WebSocketEnd& end) = 0;
};

class WebSocketClient : public std::enable_shared_from_this<WebSocketClient> {
 public:
  // `sink` lives until on_end() or abort().
  [[nodiscard]] static std::shared_ptr<WebSocketClient> connect(asio::io_context& io,
                                                                WebSocketRequest request,
                                                                WebSocketSink& sink);

  void send_text(std::string_view text);
  // Begins the closing handshake; on_end() comes when the server answered.
  void close(std::uint16_t code);
  // Lets go of the socket at once, as a lost network does.
  void abort();

 private:
  WebSocketClient(asio::io_context& io, WebSocketRequest request, WebSocketSink& sink);
  void resolve();
  void connected();
  void greet();
  void send_handshake();
  void read_handshake();
  [[nodiscard]] std::string handshake_fault(std::string_view head) const;
  void read();
  // False once the socket has ended.
  [[nodiscard]] bool take_messages();
  [[nodiscard]] bool take(const Message& message);
  void send(Opcode opcode, std::string_view payload);
  void write();
  void watch(std::chrono::milliseconds limit);
  void end(WebSocketEnd::Kind kind, int code, std::string reason);

  WebSocketRequest request_;
  WebSocketSink* sink_;  // null once it must not be called
  asio::ip::tcp::resolver resolver_;
  ClientStream stream_;
  asio::steady_timer watchdog_;
  std::string key_;
  std::string handshake_;
  std::array<char, 16384> input_;
  FrameParser parser_;
  std::deque<std::string> output_;  // bounded by what the bench keeps unacknowledged
  bool open_ = false;
  bool writing_ = false;
};

}  // namespace signalbox::client
