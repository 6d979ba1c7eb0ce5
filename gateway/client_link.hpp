// ClientLink: what a session asks of its socket (seam 4). Two implementations: the one of
// websocket_server, and a fake one in tests. Thread: the shard of the socket, as everything of a
// session. Sends after close() are dropped. No function calls the session back before it has
// returned.
#pragma once

#include <cstddef>
#include <string_view>

#include "gateway/close_codes.hpp"
#include "gateway/wire_frame.hpp"

namespace signalbox::gateway {

class ClientLink {
 public:
  virtual ~ClientLink() = default;
  // Queues the frame; frames leave in order. Where answers pile up, the peer's frames are left in
  // the kernel until it has read some. A peer whose kernel takes no byte for the stall time of the
  // server is closed (4001).
  virtual void send(const FramePtr& frame) = 0;
  // The same for a frame of a stream that is live. Where it would make the queue longer than the
  // server allows, the events and progress in the queue are dropped with it and
  // SocketSession::on_lagging follows.
  virtual void send_live(const FramePtr& frame) = 0;
  // Frames were dropped, and on_lagging is to come.
  [[nodiscard]] virtual bool is_lagging() const = 0;
  // A stream begins, after this place; what is queued of the last one is dropped.
  virtual void begin_stream(const StreamPlace& start) = 0;
  // Lets what is queued go out, then closes with code and reason (at most 123 bytes). A peer that
  // takes nothing any more is cut after a while and sees 1006.
  virtual void close(CloseCode code, std::string_view reason) = 0;
  // WebSocket ping; the pong arrives as SocketSession::on_alive.
  virtual void ping() = 0;
  // Bytes of frames that the kernel has not taken yet.
  [[nodiscard]] virtual std::size_t buffered_bytes() const = 0;
};

// What is behind a socket: the other direction. Callbacks come on the socket's shard; none after
// on_closed, and on_closed comes exactly once for every on_open.
class SocketSession {
 public:
  virtual ~SocketSession() = default;
  // The link lives until on_closed has returned.
  virtual void on_open(ClientLink& link) = 0;
  virtual void on_text(std::string_view text) = 0;
  virtual void on_binary(std::string_view bytes) = 0;
  // A pong, or any other sign of life that is not a text frame.
  virtual void on_alive() = 0;
  // buffered_bytes() fell below the server's mark after it had been above.
  virtual void on_writable() = 0;
  // Frames of the stream were dropped; the last event that goes out is the one before this place.
  // The next stream frame the link takes is one sent after this.
  virtual void on_lagging(const StreamPlace& kept) = 0;
  // About once a second.
  virtual void on_tick() = 0;
  virtual void on_closed(CloseCode code, std::string_view reason) = 0;
};

}  // namespace signalbox::gateway
