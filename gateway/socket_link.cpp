#include "gateway/socket_link.hpp"

#include <algorithm>
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
  if (frame->kind() == FrameKind::answer) answer_bytes_ += frame->text().size();
  if (frame->kind() == FrameKind::cursor) {
    bound_ = outbox_.size();
    answer_bytes_ = outbox_bytes_;
  }
  if (buffered_bytes() >= limits_.writable_bytes) above_mark_ = true;
  if (answer_bytes_ > limits_.answers_bytes_max) {
    answers_held_ = true;
    judge_reading();
  }
  mark_dirty();
}

void SocketLink::send_live(const FramePtr& frame) {
  if (ended_ || writer_ == nullptr || lagging_) return;
  // One frame alone goes out whatever its size, or it never would.
  const std::size_t buffered = buffered_bytes();
  if (buffered == 0 || buffered + frame->text().size() <= limits_.outbox_bytes_max)
    return send(frame);
  lagging_ = true;
  drop_stream();
  mark_dirty();
}

void SocketLink::begin_stream(const StreamPlace& start) {
  drop_stream();
  lagging_ = false;
  place_ = start;
  stream_from_ = outbox_.size();
}

void SocketLink::drop_stream() {
  const auto waiting =
      outbox_.begin() + static_cast<std::ptrdiff_t>(std::max(outbox_head_, bound_));
  outbox_.erase(
      std::remove_if(waiting, outbox_.end(),
                     [](const FramePtr& frame) { return frame->kind() != FrameKind::answer; }),
      outbox_.end());
  outbox_bytes_ = answer_bytes_;
}

bool SocketLink::is_bound(std::size_t at) const {
  return at < bound_ || outbox_[at]->kind() == FrameKind::answer;
}

StreamPlace SocketLink::place_after_queue() const {
  for (std::size_t i = outbox_.size(); i > std::max(outbox_head_, stream_from_); --i)
    if (outbox_[i - 1]->kind() == FrameKind::event) return outbox_[i - 1]->place();
  return place_;
}

// Of a peer that is to end its own close is wanted.
void SocketLink::judge_reading() {
  const bool hold = !ended_ && (answers_held_ || frames_left_ <= 0);
  if (std::exchange(reading_held_, hold) != hold) writer_->hold_reading(hold);
}

// Questions cost a client nothing, their answers cost us: who asks without end waits in the kernel.
void SocketLink::count_frame() {
  if (writer_ == nullptr) return;
  --frames_left_;
  if (frames_left_ == 0) judge_reading();
}

void SocketLink::ping() {
  if (writer_ != nullptr && !ended_) writer_->ping();
}

void SocketLink::close(CloseCode code, std::string_view reason) {
  if (ended_ || writer_ == nullptr) return;
  begin_end({code, std::string(reason)});
  mark_dirty();
}

void SocketLink::begin_end(SocketEnd end) {
  ended_ = true;
  end_ = std::move(end);
  judge_reading();
}

void SocketLink::drop_queue() {
  outbox_ = {};
  outbox_head_ = bound_ = stream_from_ = outbox_bytes_ = answer_bytes_ = 0;
}

void SocketLink::cut() {
  cut_ = true;
  mark_dirty();
}

void SocketLink::mark_dirty() {
  if (!std::exchange(dirty_, true)) shard_.flush_soon(shared_from_this());
}

void SocketLink::flush() {
  dirty_ = false;
  if (writer_ == nullptr) return;
  if (cut_) return writer_->terminate();
  if (std::exchange(lagging_, false) && !ended_) session_->on_lagging(place_after_queue());
  if (writer_->in_flight() == 0) hand_over();
  if (!ended_) return tell_writable();
  if (close_sent_ || outbox_head_ < outbox_.size()) return;
  close_sent_ = true;
  writer_->close(end_);
}

void SocketLink::hand_over() {
  if (outbox_.empty()) return;
  std::size_t bytes = 0;
  std::size_t end = outbox_head_;
  for (; end < outbox_.size() && bytes < limits_.batch_bytes_max; ++end) {
    const WireFrame& frame = *outbox_[end];
    bytes += frame.text().size();
    if (is_bound(end)) answer_bytes_ -= frame.text().size();
    if (frame.kind() == FrameKind::event && end >= stream_from_) place_ = frame.place();
  }
  writer_->write(std::span(outbox_).subspan(outbox_head_, end - outbox_head_));
  outbox_bytes_ -= bytes;
  outbox_head_ = end;
  if (answer_bytes_ <= limits_.answers_bytes_max / 2) {
    answers_held_ = false;
    judge_reading();
  }
  if (outbox_head_ < outbox_.size()) {
    drop_handed_over();
    // The kernel has taken the whole batch; the next one waits until other sockets had theirs.
    if (writer_->in_flight() == 0) mark_dirty();
    return;
  }
  outbox_head_ = bound_ = stream_from_ = 0;
  if (outbox_.capacity() > kIdleCapacity)
    outbox_ = {};
  else
    outbox_.clear();
}

// A queue that never gets empty keeps nothing of what left it. Each frame is moved once on average.
void SocketLink::drop_handed_over() {
  if (outbox_head_ < outbox_.size() - outbox_head_) return;
  outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(outbox_head_));
  bound_ -= std::min(bound_, outbox_head_);
  stream_from_ -= std::min(stream_from_, outbox_head_);
  outbox_head_ = 0;
}

void SocketLink::tell_writable() {
  if (!above_mark_ || buffered_bytes() >= limits_.writable_bytes) return;
  above_mark_ = false;
  session_->on_writable();
}

void SocketLink::written() {
  if (writer_ != nullptr) flush();
}

void SocketLink::tick(MonotonicTime now) {
  if (ended_) return watch_end(now);
  auto end = writer_->own_end();
  if (!end && is_stalled(now)) {
    drop_queue();
    return close(CloseCode::slow_consumer, "it has taken no byte for too long");
  }
  if (!end) {
    frames_left_ = std::min(limits_.frames.burst, frames_left_ + limits_.frames.per_second);
    judge_reading();
    return session_->on_tick();
  }
  drop_queue();
  close_sent_ = true;
  begin_end(*std::move(end));
}

void SocketLink::note_progress(MonotonicTime now) {
  const std::uint64_t progress = writer_->progress();
  if (std::exchange(progress_, progress) != progress) moved_at_ = now;
}

bool SocketLink::is_stalled(MonotonicTime now) {
  if (writer_->in_flight() == 0)
    moved_at_ = now;
  else
    note_progress(now);
  // Its pongs are not read while reading is held; that it takes bytes must do.
  if (reading_held_ && moved_at_ == now) session_->on_alive();
  return now - moved_at_ >= limits_.stall;
}

// Only a peer that reads nothing is cut; one that reads slowly gets all of it, and the code.
void SocketLink::watch_end(MonotonicTime now) {
  note_progress(now);
  if (!ended_at_) ended_at_ = moved_at_ = now;
  if (now - moved_at_ >= limits_.close_stalled || now - *ended_at_ >= limits_.close_linger) cut();
}

// A peer that sends pings and does not read must not make us hold the answers.
bool SocketLink::may_answer_ping() {
  count_frame();
  return writer_ != nullptr &&
         buffered_bytes() + writer_->queued() < limits_.pings_answered_bytes_max;
}

void SocketLink::opened(SocketWriter& writer) {
  writer_ = &writer;
  session_->on_open(*this);
}

void SocketLink::received(std::string_view text) {
  if (ended_ || writer_ == nullptr) return;
  count_frame();
  session_->on_text(text);
}

void SocketLink::received_binary(std::string_view bytes) {
  if (!ended_ && writer_ != nullptr) session_->on_binary(bytes);
}

void SocketLink::closed(CloseCode code, std::string_view reason) {
  if (writer_ == nullptr) return;
  const auto self = shared_from_this();
  writer_ = nullptr;
  outbox_.clear();
  shard_.forget(*this);
  const auto session = std::exchange(session_, nullptr);
  if (std::exchange(ended_, true))
    session->on_closed(end_.code, end_.reason);
  else
    session->on_closed(code, reason);
}

}  // namespace signalbox::gateway
