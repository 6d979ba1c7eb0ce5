// SocketLink: the link of one open WebSocket, free of the library that carries it. The library's
// own queue cannot be measured once it is being written, so frames wait here and go to the writer
// in batches, the next one when the last is with the kernel. Lifetime: from the upgrade to
// on_closed; shared with its shard's list of links to flush. Thread: its shard.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/client_link.hpp"

namespace signalbox::gateway {

struct SocketLimits {
  std::size_t outbox_bytes_max = 256 * 1024;         // beyond: what is live is dropped, on_lagging
  std::size_t answers_bytes_max = 64 * 1024;         // waiting; beyond: nothing more is read
  std::size_t writable_bytes = 32 * 1024;            // on_writable when less is buffered again
  std::size_t batch_bytes_max = 64 * 1024;           // given to the writer at once
  std::size_t pings_answered_bytes_max = 16 * 1024;  // pings are not answered beyond this backlog
  std::chrono::milliseconds stall{60'000};           // no byte taken for so long: terminated, 4001
  std::chrono::milliseconds close_handshake{2'000};  // from close() to the end of the socket
};

// What a link asks of the connection under it.
class SocketWriter {
 public:
  virtual ~SocketWriter() = default;
  // Bytes of the write that the kernel has not taken yet; SocketLink::written() follows.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
  // Bytes the kernel has taken since the connection opened.
  [[nodiscard]] virtual std::uint64_t taken() const = 0;
  // Bytes the connection itself has queued: answers to pings.
  [[nodiscard]] virtual std::size_t queued() const = 0;
  virtual void write(std::span<const FramePtr> frames) = 0;  // as one write
  virtual void ping() = 0;
  // While held, nothing is read from the connection.
  virtual void hold_reading(bool hold) = 0;
  // Both may lead to SocketLink::closed() before they return.
  virtual void close(CloseCode code, const std::string& reason) = 0;
  virtual void terminate() = 0;
};

class SocketLink;

class SocketShard {
 public:
  virtual ~SocketShard() = default;
  // flush() is called once, when the current task is over.
  virtual void flush_soon(std::shared_ptr<SocketLink> link) = 0;
  virtual void forget(SocketLink& link) = 0;
};

class SocketLink final : public ClientLink, public std::enable_shared_from_this<SocketLink> {
 public:
  SocketLink(SocketShard& shard, const SocketLimits& limits, std::shared_ptr<SocketSession> session)
      : shard_(shard), limits_(limits), session_(std::move(session)) {}

  // ClientLink
  void send(const FramePtr& frame) override;
  void send_live(const FramePtr& frame) override;
  void begin_stream(const StreamPlace& start) override;
  void close(CloseCode code, std::string_view reason) override { end(code, reason, false); }
  void terminate(CloseCode code, std::string_view reason) override { end(code, reason, true); }
  void ping() override;
  [[nodiscard]] std::size_t buffered_bytes() const override {
    return outbox_bytes_ + (writer_ == nullptr ? 0 : writer_->in_flight());
  }

  // What happens to the connection. The writer lives until closed() has been called.
  void opened(SocketWriter& writer);
  void received(std::string_view text);
  void received_binary(std::string_view bytes);
  void written();
  void alive() {
    if (writer_ != nullptr) session_->on_alive();
  }
  // `code` and `reason` are what was seen on the wire; what this side wanted goes before it.
  void closed(CloseCode code, std::string_view reason);

  void flush();
  void tick();  // about once a second
  [[nodiscard]] bool may_answer_ping() const;

  std::size_t index = 0;  // in the shard's list

 private:
  void end(CloseCode code, std::string_view reason, bool cut);
  void mark_dirty();
  void hand_over();
  void drop_stream();
  void hold_reading(bool hold);
  [[nodiscard]] bool stalled();

  SocketShard& shard_;
  const SocketLimits& limits_;
  std::shared_ptr<SocketSession> session_;
  SocketWriter* writer_ = nullptr;  // while the connection is open
  std::vector<FramePtr> outbox_;
  std::size_t outbox_head_ = 0;
  std::size_t outbox_bytes_ = 0;
  std::size_t answer_bytes_ = 0;  // of outbox_bytes_
  StreamPlace place_;             // after the last event that was handed over
  bool lagging_ = false;          // frames were dropped, the session does not know yet
  bool reading_held_ = false;
  bool dirty_ = false;
  bool above_mark_ = false;
  bool ended_ = false;
  bool cut_ = false;
  bool close_sent_ = false;
  CloseCode end_code_ = CloseCode::normal;
  std::string end_reason_;
  std::chrono::steady_clock::time_point ended_at_{};
  std::chrono::steady_clock::time_point taken_at_{};  // when the kernel was last seen to take bytes
  std::uint64_t taken_ = 0;
};

}  // namespace signalbox::gateway
