// SocketLink: the link of one open WebSocket, free of the library that carries it. The library's
// own queue cannot be measured once it is being written, so frames wait here and go to the writer
// in batches, the next one when the last is with the kernel. Lifetime: from the upgrade to
// on_closed; shared with its shard's list of links to flush. Thread: its shard.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/clock.hpp"
#include "gateway/client_link.hpp"
#include "gateway/token_bucket.hpp"

namespace signalbox::gateway {

struct SocketLimits {
  std::size_t outbox_bytes_max = 256 * 1024;  // beyond: what is live is dropped, on_lagging
  std::size_t answers_bytes_max = 64 * 1024;  // waiting; beyond: nothing more is read
  BucketRate frames{200, 500};  // of its client, pings too; without any left nothing more is read
  std::size_t writable_bytes = 32 * 1024;            // on_writable when less is buffered again
  std::size_t batch_bytes_max = 64 * 1024;           // given to the writer at once
  std::size_t pings_answered_bytes_max = 16 * 1024;  // pings are not answered beyond this backlog
  std::chrono::milliseconds stall{60'000};           // its peer takes nothing: closed, 4001
  // A closing socket is cut when its peer has taken nothing for so long, and after so long in all.
  std::chrono::milliseconds close_stalled{2'000};
  std::chrono::milliseconds close_linger{30'000};
};

struct SocketEnd {
  CloseCode code;
  std::string reason;
};

// What a link asks of the connection under it.
class SocketWriter {
 public:
  virtual ~SocketWriter() = default;
  // Bytes of the write that the kernel has not taken yet: where there are some once write() has
  // returned, SocketLink::written() follows.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
  // Bytes the connection itself has queued: answers to pings.
  [[nodiscard]] virtual std::size_t queued() const = 0;
  // Grows whenever the peer takes bytes.
  [[nodiscard]] virtual std::uint64_t progress() const = 0;
  // How the connection ends, where it began to close without being asked: the peer closed it, or
  // broke the protocol.
  [[nodiscard]] virtual std::optional<SocketEnd> own_end() const = 0;
  virtual void write(std::span<const FramePtr> frames) = 0;  // as one write
  virtual void ping() = 0;
  // While held, nothing is read from the connection.
  virtual void hold_reading(bool hold) = 0;
  virtual void close(const SocketEnd& end) = 0;
  virtual void terminate() = 0;  // as close(), may lead to SocketLink::closed() before it returns
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
      : shard_(shard),
        limits_(limits),
        session_(std::move(session)),
        frames_left_(limits.frames.burst) {}

  // ClientLink
  void send(const FramePtr& frame) override;
  void send_live(const FramePtr& frame) override;
  [[nodiscard]] bool is_lagging() const override { return lagging_; }
  void begin_stream(const StreamPlace& start) override;
  void close(CloseCode code, std::string_view reason) override;
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
  // A pong came; it counts as a frame.
  void ponged() {
    count_frame();
    alive();
  }
  // `code` and `reason` are what was seen on the wire; what this side wanted goes before it.
  void closed(CloseCode code, std::string_view reason);

  void flush();
  void tick(MonotonicTime now);  // once a second
  void cut();                    // at once, without a word to the peer
  // Of a ping that came: it counts as a frame.
  [[nodiscard]] bool may_answer_ping();

  std::size_t turn = 0;   // of its ticks, among the shard's; stays as it is
  std::size_t index = 0;  // in the shard's list of that turn

 private:
  void begin_end(SocketEnd end);
  void drop_queue();
  void watch_end(MonotonicTime now);
  void mark_dirty();
  void hand_over();
  void drop_handed_over();
  void tell_writable();
  void drop_stream();
  [[nodiscard]] bool is_bound(std::size_t at) const;
  // After the last event of the stream that was handed over or will be.
  [[nodiscard]] StreamPlace place_after_queue() const;
  void count_frame();
  void judge_reading();
  [[nodiscard]] bool is_stalled(MonotonicTime now);
  void note_progress(MonotonicTime now);

  SocketShard& shard_;
  const SocketLimits& limits_;
  std::shared_ptr<SocketSession> session_;
  SocketWriter* writer_ = nullptr;  // while the connection is open
  std::vector<FramePtr> outbox_;
  std::size_t outbox_head_ = 0;
  std::size_t outbox_bytes_ = 0;
  std::size_t bound_ = 0;         // frames of outbox_ before here are not dropped
  std::size_t stream_from_ = 0;   // events of outbox_ before here are of an older stream
  std::size_t answer_bytes_ = 0;  // of outbox_bytes_: answers, and all before bound_
  StreamPlace place_;             // after the last event that was handed over
  bool lagging_ = false;          // frames were dropped, the session does not know yet
  std::int64_t frames_left_;      // below 0: of one read came more than it had left
  bool answers_held_ = false;
  bool reading_held_ = false;
  bool dirty_ = false;
  bool above_mark_ = false;
  bool ended_ = false;
  bool cut_ = false;
  bool close_sent_ = false;
  SocketEnd end_{CloseCode::normal, ""};
  std::optional<MonotonicTime> ended_at_;  // of the first tick after it has ended
  MonotonicTime moved_at_{};               // of the last progress, while bytes wait or it ends
  std::uint64_t progress_ = 0;
};

}  // namespace signalbox::gateway
