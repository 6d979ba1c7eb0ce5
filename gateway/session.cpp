#include "gateway/session.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/model/error_help.hpp"

namespace signalbox::gateway {
Session::Session(const SessionParts& parts, SessionId id, Handshake handshake,
                 std::optional<Identity> identity)
    : parts_(parts),
      id_(id),
      dialect_(handshake.dialect),
      handshake_(std::make_unique<Handshake>(std::move(handshake))),
      identity_(std::move(identity)),
      facts_(parts.options.limits.messages, parts.clock.monotonic()) {
  handshake_->token.reset();
}

// ---- life

void Session::on_open(ClientLink& link) {
  link_ = &link;
  opened_ = heard_ = pinged_ = parts_.clock.monotonic();
  parts_.hub.add(id_, *this, link);
  parts_.metrics.connects.Increment();
  parts_.metrics.connections.Increment();
  if (identity_) admit(*std::move(identity_));
}

void Session::admit(Identity identity) {
  auto place = parts_.registry.enter(identity.user_id, handshake_->wanted_client, parts_.random);
  if (!place) return close(CloseCode::too_many_connections, place.error().message);
  identity_ = std::move(identity);
  place_.emplace(*std::move(place));
  partition_ = event_store::partition_of(identity_->user_id, parts_.options.log.partitions);
  const auto handshake = std::exchange(handshake_, nullptr);
  emit(ClientConnected{std::move(handshake->user_agent), parts_.options.gateway});
  emit(AuthAccepted{});
  state_ = State::joining;
  ask_stream(handshake->from, std::move(handshake->cursor));
}

// Not kept: a socket has little to state, and lives long.
void Session::emit(ConnectionData fact) {
  AuthEmitter emitter = create_auth_emitter({place_->user(), place_->client()}, parts_.journal);
  if (!emitter.emit(std::move(fact))) parts_.metrics.connection_records_dropped.Increment();
}

// A fact the client causes as often as it likes.
void Session::emit_within_rate(ConnectionData fact) {
  if (facts_.take(parts_.clock.monotonic())) return emit(std::move(fact));
  parts_.metrics.connection_records_dropped.Increment();
}

void Session::authenticate(std::string_view text) {
  auto frame = event_store::decode_client_frame(
      text, {parts_.options.limits.content_bytes_max, parts_.options.limits.depth_max});
  const auto* const given = frame ? std::get_if<AuthenticateFrame>(&frame->data) : nullptr;
  if (given == nullptr) {
    // A new token does not help who speaks something else.
    const bool is_ours =
        frame || (frame.error().code != Errc::bad_json && frame.error().field != "type");
    ErrorFrame refused =
        frame ? make_error(frame->id, Errc::token_invalid, "the first frame must be authenticate")
              : std::move(frame.error());
    if (frame) refused.hint = "send authenticate first";
    send_error(std::move(refused));
    return close(is_ours ? CloseCode::not_authenticated : CloseCode::protocol,
                 "the first frame must be authenticate");
  }
  auto identity = parts_.authenticator.verify(given->token);
  if (!identity) {
    if (!parts_.journal.note(std::nullopt, AuthRefused{"token_invalid"}))
      parts_.metrics.connection_records_dropped.Increment();
    ErrorFrame refused =
        make_error(frame->id, Errc::token_invalid, "the token " + identity.error().message);
    refused.field = "token";
    send_error(std::move(refused));
    return close(CloseCode::not_authenticated, "the token was refused");
  }
  admit(*std::move(identity));
}

void Session::on_closed(CloseCode code, std::string_view reason) {
  state_ = State::closing;
  parts_.hub.remove(id_);
  set_pulling(false);
  parts_.metrics.connections.Decrement();
  parts_.metrics.count_close(code);
  if (code == CloseCode::slow_consumer) parts_.metrics.slow_consumers.Increment();
  if (place_) parts_.feed.unfollow(partition_, id_);
  if (place_) emit(ClientDisconnected{number(code), std::string(reason)});
  place_.reset();
  link_ = nullptr;
}

void Session::on_alive() { heard_ = parts_.clock.monotonic(); }

void Session::on_tick() {
  if (state_ == State::closing) return;
  const GatewayLimits& limits = parts_.options.limits;
  const MonotonicTime now = parts_.clock.monotonic();
  if (state_ == State::opening && now - opened_ >= limits.authentication)
    return close(CloseCode::authentication_timeout, "no authenticate frame in time");
  if (now - heard_ >= limits.heartbeat_lost) return close(CloseCode::heartbeat_lost, "no pong");
  if (now - pinged_ >= limits.heartbeat) {
    pinged_ = now;
    link_->ping();
  }
  // A stream that ended has no position to tell; its client comes back as it came.
  if (draining_ && !draining_told_ && ++ticks_draining_ > 1) {
    draining_told_ = true;
    send(DrainingFrame{draining_->count(), std::nullopt});
    return close_when_answered();
  }
  check_token();
}

void Session::check_token() {
  if (state_ == State::opening) return;
  if (const auto revision = parts_.authenticator.revision(); revision != token_revision_) {
    token_revision_ = revision;
    if (parts_.authenticator.is_revoked(*identity_)) return end_token("the token was revoked");
  }
  const Timestamp now = parts_.clock.now();
  if (now >= identity_->expires + parts_.options.token_leeway)
    return end_token("the token has expired");
  if (now >= identity_->expires - parts_.options.expiry_warning) warn_of_expiry();
}

void Session::warn_of_expiry() {
  if (state_ != State::ready || std::exchange(expiry_told_, true)) return;
  const auto left = std::chrono::floor<std::chrono::seconds>(
      identity_->expires + parts_.options.token_leeway - parts_.clock.now());
  ErrorFrame warning =
      make_error(std::nullopt, Errc::token_invalid,
                 "the token expires; this socket closes in " + std::to_string(left.count()) + " s");
  warning.hint = "send refresh_token";
  send_error(std::move(warning));
}

void Session::end_token(const std::string& why) {
  emit(AuthExpired{});
  send_error(make_error(std::nullopt, Errc::token_invalid, why));
  close(CloseCode::not_authenticated, why);
}

void Session::drain(std::chrono::milliseconds reconnect_after) {
  draining_ = reconnect_after;
  if (state_ == State::opening) close(CloseCode::draining, "the gateway stops");
}

void Session::close_when_answered() {
  if (draining_told_ && unanswered_ == 0) close(CloseCode::draining, "the gateway stops");
}

void Session::close(CloseCode code, std::string_view reason) {
  if (state_ == State::closing) return;
  state_ = State::closing;
  link_->close(code, reason);
}

void Session::send(const ServerFrame& frame, FrameKind kind) {
  if (link_ != nullptr)
    link_->send(
        parts_.make_frame(event_store::encode_server_frame(frame, dialect_), {.kind = kind}));
}

ErrorFrame Session::make_error(std::optional<std::string> id, Errc code, std::string message) {
  return ErrorFrame{.id = std::move(id),
                    .code = code,
                    .message = std::move(message),
                    .field = std::nullopt,
                    .hint = std::nullopt,
                    .message_id = std::nullopt,
                    .retry_after_ms = std::nullopt,
                    .reason = std::nullopt,
                    .oldest_cursor = std::nullopt};
}

void Session::send_error(ErrorFrame error) {
  parts_.metrics.count_error(error.code);
  if (!error.hint) error.hint = std::string(help_of(error.code).to_do);
  send(ServerFrame(std::move(error)));
}

// ---- what the client sends

void Session::on_binary(std::string_view) {
  close(CloseCode::unsupported_data, "text frames only");
}

void Session::on_text(std::string_view text) {
  heard_ = parts_.clock.monotonic();
  parts_.metrics.client_frames.Increment();
  switch (state_) {
    case State::closing: return;
    case State::opening: return authenticate(text);
    case State::ready: return handle_text(text);
    case State::joining: break;
  }
  // Until connection_ready is out, frames wait: nothing may come before it.
  const GatewayLimits& limits = parts_.options.limits;
  if (early_frames_.size() >= limits.sends_without_ack_max ||
      early_bytes_ + text.size() > limits.frame_bytes_max)
    return close(CloseCode::overloaded, "too much was sent before connection_ready");
  early_bytes_ += text.size();
  early_frames_.emplace_back(text);
}

void Session::handle_text(std::string_view text) {
  auto frame = event_store::decode_client_frame(
      text, {parts_.options.limits.content_bytes_max, parts_.options.limits.depth_max});
  if (!frame) return send_error(std::move(frame.error()));
  std::visit([&](auto& data) { handle(frame->id, std::move(data)); }, frame->data);
}

void Session::handle(const std::optional<std::string>& id, AuthenticateFrame) {
  ErrorFrame error =
      make_error(id, Errc::unknown_type, "this socket is signed in; use refresh_token");
  error.field = "type";
  error.hint = "send refresh_token";
  send_error(std::move(error));
}

void Session::handle(const std::optional<std::string>& id, UserMessageFrame frame) {
  const auto& agents = parts_.options.agents;
  if (frame.agent && std::find(agents.begin(), agents.end(), *frame.agent) == agents.end()) {
    ErrorFrame error = make_error(id, Errc::unknown_agent, "there is no agent of this name");
    error.field = "agent";
    error.message_id = std::move(frame.message_id);
    return send_error(std::move(error));
  }
  AckFrame ack{id, frame.message_id, event_store::run_id_of(place_->user(), frame.message_id)};
  append(UserMessage{std::move(frame.message_id), std::move(frame.thread_id),
                     std::move(frame.content), std::move(frame.agent)},
         std::move(frame.traceparent), std::move(ack));
}

void Session::handle(const std::optional<std::string>& id, CancelRunFrame frame) {
  append(CancelRun{frame.run_id}, std::nullopt, AckFrame{id, std::nullopt, frame.run_id});
}

void Session::handle(const std::optional<std::string>& id, RunInputFrame frame) {
  AckFrame ack{id, std::nullopt, frame.run_id};
  append(RunInput{frame.run_id, std::move(frame.request_id), std::move(frame.data)}, std::nullopt,
         std::move(ack));
}

void Session::handle(const std::optional<std::string>& id, ResumeFrame frame) {
  if (resuming_) {
    ErrorFrame replaced =
        make_error(std::move(resume_id_), Errc::overloaded, "replaced by a later resume");
    replaced.hint = "nothing: the later one is answered";
    send_error(std::move(replaced));
  }
  resuming_ = true;
  resume_id_ = id;
  set_pulling(false);
  parts_.hub.leave(id_);
  const StreamFrom from = frame.cursor            ? StreamFrom::cursor
                          : frame.from == "start" ? StreamFrom::start
                                                  : StreamFrom::latest;
  ask_stream(from, std::move(frame.cursor).value_or(""));
}

void Session::handle(const std::optional<std::string>& id, RefreshTokenFrame frame) {
  auto identity = parts_.authenticator.verify(frame.token);
  if (!identity || identity->user_id != identity_->user_id) {
    ErrorFrame error = make_error(
        id, Errc::token_invalid,
        identity ? "the token is for another user" : "the token " + identity.error().message);
    error.field = "token";
    emit_within_rate(AuthRefused{"token_invalid"});
    return send_error(std::move(error));
  }
  identity_ = *std::move(identity);
  expiry_told_ = false;
  emit_within_rate(AuthRefreshed{identity_->expires});
  send(AckFrame{id, std::nullopt, std::nullopt});
}

void Session::handle(const std::optional<std::string>& id, PingFrame frame) {
  send(PongFrame{id, std::move(frame.nonce)});
}

void Session::append(CommandData data, std::optional<std::string> traceparent, AckFrame ack) {
  if (auto refused = refuse_send(std::holds_alternative<UserMessage>(data), ack)) {
    const bool for_long =
        limited_since_ && limited_last_ - *limited_since_ >= parts_.options.limits.rate_limited_max;
    send_error(*std::move(refused));
    if (for_long) close(CloseCode::rate_limited, "sent too much for too long");
    return;
  }
  ++unanswered_;
  parts_.callbacks.begin();
  const Command command{.id = parts_.random.uuid().to_string(),
                        .source = parts_.options.source,
                        .time = parts_.clock.now(),
                        .user_id = place_->user(),
                        .websocket_client_id = place_->client(),
                        .traceparent = std::move(traceparent),
                        .data = std::move(data)};
  parts_.log.append({Topic::inbound, partition_}, event_store::encode_command(command),
                    parts_.executor,
                    [self = weak_from_this(), &callbacks = parts_.callbacks,
                     ack = std::move(ack)](Result<Offset> appended) {
                      callbacks.end();
                      if (const auto session = self.lock()) session->finish_append(ack, appended);
                    });
}

std::optional<ErrorFrame> Session::refuse_send(bool is_message, const AckFrame& ack) {
  std::optional<ErrorFrame> error;
  if (const auto wait = rate_limit()) {
    error = make_error(ack.id, Errc::rate_limited, "too many messages of this user");
    error->retry_after_ms = wait->count();
  } else if (draining_) {
    error = make_error(ack.id, Errc::overloaded, "the gateway stops; come back");
  } else if (unanswered_ >= parts_.options.limits.sends_without_ack_max) {
    error = make_error(ack.id, Errc::overloaded, "too many sends wait for their ack");
  } else if (is_message && parts_.inbound_lag.is_overloaded(partition_, parts_.clock.monotonic())) {
    error = make_error(ack.id, Errc::overloaded, "the router is too far behind; try again later");
    // Those that were refused at once do not all come back at once.
    error->retry_after_ms =
        kRetryAfterMs +
        static_cast<std::int64_t>(parts_.random.below(static_cast<std::uint64_t>(kRetryAfterMs)));
  }
  if (!error) return std::nullopt;
  if (!error->retry_after_ms) error->retry_after_ms = kRetryAfterMs;
  error->message_id = ack.message_id;
  return error;
}

// A second without a refusal ends a row of them.
std::optional<std::chrono::milliseconds> Session::rate_limit() {
  const MonotonicTime now = parts_.clock.monotonic();
  const auto wait = place_->allowance().refuse(now);
  if (!wait) return std::nullopt;
  if (!limited_since_ || now - limited_last_ > std::chrono::seconds(1)) limited_since_ = now;
  limited_last_ = now;
  return wait;
}

void Session::finish_append(AckFrame ack, const Result<Offset>& appended) {
  --unanswered_;
  if (appended) {
    parts_.metrics.acks.Increment();
    // The socket has no stream, as after a cursor that was refused.
    if (!parts_.inbound_lag.note_acked(partition_, *appended, parts_.clock.monotonic()))
      parts_.feed.keep_reading(partition_);
    send(std::move(ack));
  } else {
    parts_.metrics.append_failures.Increment();
    const Error& why = appended.error();
    const bool passes_on = why.code == Errc::too_large || why.code == Errc::overloaded;
    ErrorFrame error = passes_on ? make_error(std::move(ack.id), why.code, why.message)
                                 : make_error(std::move(ack.id), Errc::log_unavailable,
                                              "the log did not take it: " + why.message);
    if (error.code == Errc::too_large) {
      error.field = ack.message_id ? "content" : "data";
      if (!ack.message_id) error.hint = "send less";
    } else {
      error.retry_after_ms = kRetryAfterMs;
    }
    error.message_id = std::move(ack.message_id);
    send_error(std::move(error));
  }
  close_when_answered();
}

}  // namespace signalbox::gateway
