#include "gateway/socket_link.hpp"

#include <utility>

namespace signalbox::gateway {
namespace {

// An idle socket keeps no more room than this for frames.
constexpr std::size_t kIdleCapacity = 64;

}  // namespace

void SocketLink::send(const FramePtr& frame) {
  if (ended_ || writer_ == nullptr) return;
  outbox_.push_back(frame);
  outbox_bytes_ += frame->text().size();
  const std::size_t buffered = buffered_bytes();
  if (buffered >= limits_.writable_bytes) above_mark_ = true;
  if (buffered > limits_.outbox_bytes_max)
    return end(CloseCode::slow_consumer, "it does not read fast enough", true);
  mark_dirty();
}

void SocketLink::ping() {
  if (writer_ != nullptr && !ended_) writer_->ping();
}

void SocketLink::end(CloseCode code, std::string_view reason, bool cut) {
  if (ended_ || writer_ == nullptr) return;
  ended_ = true;
  cut_ = cut;
  end_code_ = code;
  end_reason_ = reason;
  ended_at_ = std::chrono::steady_clock::now();
  if (cut) {
    outbox_.clear();
    outbox_head_ = outbox_bytes_ = 0;
  }
  mark_dirty();
}

void SocketLink::mark_dirty() {
  if (!std::exchange(dirty_, true)) shard_.flush_soon(shared_from_this());
}

void SocketLink::flush() {
  dirty_ = false;
  if (writer_ == nullptr) return;
  if (cut_) return writer_->terminate();
  if (writer_->in_flight() == 0) hand_over();
  if (!ended_ || close_sent_ || outbox_head_ < outbox_.size()) return;
  close_sent_ = true;
  writer_->close(end_code_, end_reason_);
}

void SocketLink::hand_over() {
  if (outbox_.empty()) return;
  std::size_t bytes = 0;
  std::size_t end = outbox_head_;
  while (end < outbox_.size() && bytes < limits_.batch_bytes_max)
    bytes += outbox_[end++]->text().size();
  writer_->write(std::span(outbox_).subspan(outbox_head_, end - outbox_head_));
  outbox_bytes_ -= bytes;
  outbox_head_ = end;
  if (outbox_head_ < outbox_.size()) return;
  outbox_head_ = 0;
  if (outbox_.capacity() > kIdleCapacity)
    outbox_ = {};
  else
    outbox_.clear();
}

void SocketLink::written() {
  if (writer_ == nullptr) return;
  flush();
  if (writer_ == nullptr || !above_mark_ || buffered_bytes() >= limits_.writable_bytes) return;
  above_mark_ = false;
  session_->on_writable();
}

void SocketLink::tick() {
  if (!ended_) return session_->on_tick();
  if (std::chrono::steady_clock::now() - ended_at_ < limits_.close_handshake) return;
  cut_ = true;
  mark_dirty();
}

// A peer that sends pings and does not read must not make us hold the answers.
bool SocketLink::may_answer_ping() const {
  return writer_ != nullptr &&
         buffered_bytes() + writer_->queued() < limits_.pings_answered_bytes_max;
}

void SocketLink::opened(SocketWriter& writer) {
  writer_ = &writer;
  session_->on_open(*this);
}

void SocketLink::received(std::string_view text) {
  if (!ended_ && writer_ != nullptr) session_->on_text(text);
}

void SocketLink::received_binary() { end(CloseCode::unsupported_data, "text frames only", false); }

void SocketLink::closed(CloseCode code, std::string_view reason) {
  if (writer_ == nullptr) return;
  const auto self = shared_from_this();
  writer_ = nullptr;
  outbox_.clear();
  shard_.forget(*this);
  const auto session = std::exchange(session_, nullptr);
  if (std::exchange(ended_, true))
    session->on_closed(end_code_, end_reason_);
  else
    session->on_closed(code, reason);
}

}  // namespace signalbox::gateway
