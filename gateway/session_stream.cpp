// A session's stream of events: what it asks of the feed and what the feed answers.
#include <utility>

#include "gateway/session.hpp"

namespace signalbox::gateway {
namespace {

// Whether nothing is read for the stream any more until the session asks. Of the others, that it
// is ready comes before the first read.
bool ends_reading(const StreamUpdate& update) {
  return !std::holds_alternative<StreamReady>(update) &&
         !std::holds_alternative<StreamPosition>(update) &&
         !std::holds_alternative<StreamHistoryDamaged>(update);
}

}  // namespace

StreamTicket Session::ticket() const { return {partition_, parts_.shard, id_, generation_}; }

void Session::ask_stream(StreamFrom from, std::string cursor) {
  waits_ = StreamRequest{place_->user(), dialect_, from, std::move(cursor)};
  if (!asking_) ask_what_waits();
}

void Session::ask_what_waits() {
  ++generation_;
  wants_more_ = false;
  asking_ = true;
  parts_.feed.follow(ticket(), *std::exchange(waits_, std::nullopt));
}

void Session::on_stream(std::uint32_t generation, StreamUpdate update) {
  if (state_ == State::closing || generation != generation_) return;
  if (ends_reading(update)) asking_ = false;
  if (waits_) return asking_ ? void() : ask_what_waits();
  std::visit([this](auto& one) { take(std::move(one)); }, update);
}

void Session::take(StreamReady update) {
  link_->begin_stream(update.place);
  if (state_ == State::joining) become_ready(std::move(update.cursor));
}

void Session::become_ready(std::optional<std::string> cursor) {
  const GatewayLimits& limits = parts_.options.limits;
  state_ = State::ready;
  send(ConnectionReadyFrame{
      .websocket_client_id = place_->client(),
      .user_id = place_->user(),
      .cursor = std::move(cursor),
      .heartbeat_seconds =
          std::chrono::duration_cast<std::chrono::seconds>(limits.heartbeat).count(),
      .frame_bytes_max = static_cast<std::int64_t>(limits.frame_bytes_max),
      .shard = partition_.value()});
  for (const std::string& text : std::exchange(early_frames_, {}))
    if (state_ == State::ready) handle_text(text);
}

void Session::take(StreamRefused update) {
  if (state_ == State::joining) become_ready(std::nullopt);
  parts_.hub.leave(id_);
  ErrorFrame error =
      make_error(end_resume(), Errc::cursor_invalid,
                 "the cursor cannot be used: " + std::string(event_store::to_text(update.reason)) +
                     "; send resume with another cursor or from");
  error.field = "cursor";
  error.hint = "send resume with from, or with oldest_cursor where there is one";
  error.reason = event_store::to_text(update.reason);
  error.oldest_cursor = std::move(update.oldest_cursor);
  send_error(std::move(error));
}

void Session::take(StreamPage update) {
  for (const FramePtr& frame : update.frames) link_->send(frame);
  wants_more_ = update.ask;
  ask_more_when_drained();
}

void Session::ask_more_when_drained() {
  if (!wants_more_ || link_->buffered_bytes() >= parts_.options.limits.page_bytes_max) return;
  wants_more_ = false;
  asking_ = true;
  parts_.feed.more(ticket());
}

void Session::on_writable() {
  if (state_ == State::ready) ask_more_when_drained();
}

void Session::take(StreamCaughtUp update) {
  for (const FramePtr& piece : update.progress) link_->send(piece);
  if (pulling_) {
    set_pulling(false);
  } else {
    end_resume();
    send(CaughtUpFrame{std::move(update.cursor)}, FrameKind::cursor);
  }
  parts_.hub.join(id_, update.channel);
}

// The stream goes on from what the socket keeps, at the pace at which it reads.
void Session::on_lagging(const StreamPlace& kept) {
  // A resume that came in the same turn has its own place to start from.
  if (state_ != State::ready || resuming_) return;
  parts_.metrics.sockets_fell_behind.Increment();
  parts_.hub.leave(id_);
  set_pulling(true);
  ask_stream(StreamFrom::cursor,
             event_store::encode_cursor({parts_.options.log.log_id, partition_, kept.next_offset,
                                         kept.epoch, kept.owner_seq, kept.seq},
                                        place_->user()));
}

void Session::set_pulling(bool pulling) {
  if (std::exchange(pulling_, pulling) == pulling) return;
  if (pulling)
    parts_.metrics.sockets_pulling.Increment();
  else
    parts_.metrics.sockets_pulling.Decrement();
}

void Session::take(StreamHistoryDamaged update) {
  send_error(make_error(std::nullopt, Errc::history_damaged, std::move(update.what)));
}

void Session::take(StreamUnavailable update) {
  if (state_ == State::joining) state_ = State::ready;  // there is nothing to wait for any more
  send_error(make_error(end_resume(), Errc::log_unavailable, std::move(update.what)));
  close(CloseCode::log_unavailable, "events cannot be read");
}

void Session::take(StreamOverloaded update) {
  if (state_ == State::joining) state_ = State::ready;  // there is nothing to wait for any more
  ErrorFrame error = make_error(end_resume(), Errc::overloaded, std::move(update.what));
  error.retry_after_ms = kRetryAfterMs;
  send_error(std::move(error));
  close(CloseCode::overloaded, "too many streams wait for the log");
}

std::optional<std::string> Session::end_resume() {
  resuming_ = false;
  return std::exchange(resume_id_, std::nullopt);
}

void Session::take(StreamPosition update) {
  if (!draining_ || draining_told_) return;
  // The feed does not know yet that this socket has lost what it was sent last: its cursor would
  // skip it. The client comes back with its own.
  if (link_->is_lagging()) return;
  draining_told_ = true;
  send(DrainingFrame{draining_->count(), std::move(update.cursor)}, FrameKind::cursor);
  close_when_answered();
}

}  // namespace signalbox::gateway
