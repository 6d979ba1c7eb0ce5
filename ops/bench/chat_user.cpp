#include "ops/bench/chat_user.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "ops/bench/digest.hpp"
#include "ops/bench/json_text.hpp"

namespace signalbox::bench {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kBackoffFirst(50);
constexpr milliseconds kLeaveMax(2'000);
constexpr int kStatusUnauthorized = 401;
constexpr std::uint16_t kNormalClosure = 1000;

milliseconds milliseconds_of(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_number_integer()) return milliseconds(0);
  return milliseconds(std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, 60'000));
}

// Cursors may differ between two readings of one event, nothing else.
std::uint64_t hash_of(json frame) {
  frame.erase("cursor");
  return std::hash<std::string>{}(frame.dump(-1, ' ', false, json::error_handler_t::replace));
}

float milliseconds_since(BenchTime start) {
  return std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// Whether a client should come back after this end (contract 11).
bool may_come_back(const client::WebSocketEnd& end) {
  switch (end.kind) {
    case client::WebSocketEnd::Kind::unreachable:
    case client::WebSocketEnd::Kind::broken: return true;
    case client::WebSocketEnd::Kind::refused:
      return end.code == kStatusUnauthorized || end.code == 429 || end.code >= 500;
    case client::WebSocketEnd::Kind::closed:
      return end.code == 1000 || end.code == 1001 || (end.code >= 1005 && end.code <= 1006) ||
             (end.code >= 1011 && end.code <= 1014) || (end.code >= 4000 && end.code <= 4399);
    case client::WebSocketEnd::Kind::fault: return false;
  }
  return false;
}

std::string describe(const client::WebSocketEnd& end) {
  return "the socket ended: code " + std::to_string(end.code) + " " + end.reason;
}

}  // namespace

ChatUser::ChatUser(asio::io_context& io, std::string user_id, std::string token,
                   std::vector<const Conversation*> conversations, const ChatUserOptions& options,
                   std::uint64_t seed, ChatCounts& counts, HistoryFile& history, TokenDesk& tokens,
                   ChatUserSink& sink)
    : io_(io),
      user_id_(std::move(user_id)),
      token_(std::move(token)),
      conversations_(std::move(conversations)),
      options_(options),
      random_(seed),
      counts_(counts),
      history_(history),
      tokens_(tokens),
      sink_(sink),
      checker_(user_id_),
      place_(seed % options.services.size()),
      timer_(io) {}

ChatUser::~ChatUser() {
  timer_.cancel();
  if (socket_) socket_->abort();
}

Violation ChatUser::violation(std::string name, const std::string& what) const {
  return {std::move(name), "user " + user_id_ + ": " + what};
}

const Turn& ChatUser::turn() const { return conversations_[conversation_]->turns[turn_]; }

OutgoingMessage ChatUser::message() const {
  const std::string& thread = conversations_[conversation_]->id;
  return {thread + "/" + std::to_string(turn_ + 1), thread, options_.agent, &turn()};
}

// ---- the socket

const client::WebSocketUrl& ChatUser::service() const { return options_.services[place_]; }

void ChatUser::connect() {
  phase_ = Phase::connecting;
  if (token_.empty()) return ask_for_token();
  client::WebSocketRequest request{.url = service(),
                                   .headers = {{"Authorization", "Bearer " + token_}},
                                   .subprotocol = "signalbox.v1"};
  request.url.path += request.url.path.find('?') == std::string::npos ? '?' : '&';
  request.url.path += cursor_.empty() ? "from=start" : "cursor=" + cursor_;
  socket_ = client::WebSocketClient::connect(io_, std::move(request), *this);
}

void ChatUser::ask_for_token() {
  tokens_.ask(service(), user_id_,
              [this](Result<std::string> token) { take_token(std::move(token)); });
}

void ChatUser::take_token(Result<std::string> token) {
  if (phase_ != Phase::connecting) return;
  if (token) {
    token_ = std::move(*token);
    return connect();
  }
  if (token.error().code != Errc::unavailable)
    return stop_with(violation("no_token", token.error().message));
  place_ = (place_ + 1) % options_.services.size();
  connect_later(milliseconds(0));
}

void ChatUser::connect_later(milliseconds at_least) {
  const milliseconds ceiling =
      std::min(options_.backoff_max, kBackoffFirst * (1 << std::min(tries_, 10)));
  ++tries_;
  const auto jitter = random_.below(static_cast<std::uint64_t>(ceiling.count()));
  after(at_least + milliseconds(static_cast<std::int64_t>(jitter)), [this] { connect(); });
}

void ChatUser::on_open() {
  history_.add(
      user_id_, "socket",
      {{"state", "open"}, {"cursor", cursor_}, {"address", service().host + ":" + service().port}});
}

void ChatUser::left() {
  socket_.reset();
  if (phase_ == Phase::connecting || phase_ == Phase::over) return;
  --counts_.connected;
  counts_.last_contact = std::chrono::steady_clock::now();
}

void ChatUser::on_end(const client::WebSocketEnd& end) {
  left();
  call_off();
  held_ = false;
  history_.add(user_id_, "socket", {{"state", "ended"}, {"code", end.code}, {"why", end.reason}});
  if (phase_ == Phase::leaving) {
    phase_ = Phase::over;
    return sink_.on_finished(*this);
  }
  if (!answered_) {
    history_.add(
        user_id_, "unknown",
        {{"op", "user_message"}, {"message_id", message().message_id}, {"why", end.reason}});
    answered_ = true;
  }
  if (phase_ == Phase::rechecking)
    history_.add(user_id_, "unknown", {{"op", "resume"}, {"why", end.reason}});
  const bool expired = end.code == kStatusUnauthorized || end.code == 4401;
  if (!may_come_back(end) && !(expired && tries_ < 2))
    return stop_with(
        violation(end.kind == client::WebSocketEnd::Kind::fault ? "websocket_protocol" : "refused",
                  describe(end)));
  if (expired) token_.clear();
  place_ = (place_ + 1) % options_.services.size();
  phase_ = Phase::connecting;
  connect_later(std::exchange(told_to_wait_, milliseconds(0)));
}

void ChatUser::on_text(std::string_view text) {
  const json frame = json::parse(text, nullptr, false);
  if (!frame.is_object())
    return stop_with(violation("bad_frame", "no JSON object: " + std::string(text.substr(0, 200))));
  history_.add_frame(user_id_, text, frame);
  on_frame(text, frame);
}

// ---- frames

void ChatUser::on_frame(std::string_view text, const json& frame) {
  const std::string type = text_of(frame, "type");
  if (type == "connection_ready") return on_ready(frame);
  if (type == "error") return on_error(frame);
  if (type == "draining") {
    told_to_wait_ = milliseconds_of(frame, "reconnect_after_ms");
    return;
  }
  if (phase_ == Phase::connecting)
    return stop_with(violation("bad_frame", type + " before connection_ready"));
  if (frame.contains("seq"))
    return phase_ == Phase::rechecking ? on_recheck_event(frame) : on_event(frame);
  if (type == "caught_up") return on_caught_up(frame);
  if (type == "ack") return on_ack(frame);
  if (type == "agent_responding") {
    fails(checker_.progress(frame));
    return;
  }
  stop_with(violation("bad_frame", std::string(text.substr(0, 200))));
}

void ChatUser::on_ready(const json& frame) {
  const std::string client_id = text_of(frame, "websocket_client_id");
  if (phase_ != Phase::connecting || client_id.empty())
    return stop_with(violation("bad_frame", "connection_ready twice, or without a client id"));
  if (text_of(frame, "user_id") != user_id_)
    return stop_with(violation("foreign_user", "welcomed as " + text_of(frame, "user_id")));
  history_.add(
      user_id_, "socket",
      {{"state", "ready"}, {"client_id", client_id}, {"cursor", text_of(frame, "cursor")}});
  checker_.socket_opened(client_id);
  if (std::exchange(was_ready_, true)) ++counts_.reconnects;
  phase_ = Phase::catching_up;
  ++counts_.connected;
  watch();
}

void ChatUser::on_caught_up(const json& frame) {
  const std::string cursor = text_of(frame, "cursor");
  if (cursor.empty()) return stop_with(violation("bad_cursor", "caught_up has no cursor"));
  if (phase_ == Phase::rechecking) {
    if (rechecked_ != seen_.size())
      return stop_with(violation("gap", "read again from the start, the history has " +
                                            std::to_string(rechecked_) + " events; live it had " +
                                            std::to_string(seen_.size())));
    history_.add(user_id_, "ok", {{"op", "resume"}, {"cursor", cursor}});
    return finish();
  }
  if (phase_ != Phase::catching_up)
    return stop_with(violation("bad_frame", "caught_up without a catch-up"));
  cursor_ = cursor;
  tries_ = 0;
  phase_ = Phase::live;
  go_on();
}

void ChatUser::on_event(const json& frame) {
  if (fails(checker_.event(frame))) return;
  cursor_ = text_of(frame, "cursor");
  ++counts_.events;
  seen_.push_back(hash_of(frame));
  watch();
  if (conversation_ >= conversations_.size()) return;
  if (sends_ == 1 && phase_ == Phase::live && text_of(frame, "type") == "agent_started")
    counts_.started_milliseconds.push_back(milliseconds_since(sent_at_));
  if (text_of(frame, "type") == "agent_completed") ++counts_.runs;
  if (phase_ == Phase::live) go_on();
}

void ChatUser::on_recheck_event(const json& frame) {
  // The answer to a message that was sent twice may come after all else was done: live, while the
  // request was under way, or behind what is read again.
  const bool at_the_end = rechecked_ == seen_.size();
  if ((rechecked_ == 0 || at_the_end) && frame["seq"] == seen_.size() + 1) {
    if (at_the_end) ++rechecked_;
    return on_event(frame);
  }
  if (rechecked_ >= seen_.size() || hash_of(frame) != seen_[rechecked_])
    return stop_with(violation(
        "changed_history", "read again from the start, event " + std::to_string(rechecked_ + 1) +
                               " is " + frame.dump().substr(0, 200) + ", another than live"));
  ++rechecked_;
  watch();
}

void ChatUser::on_ack(const json& frame) {
  const std::string message_id = text_of(frame, "message_id");
  if (answered_ || message_id != message().message_id || text_of(frame, "id") != message_id)
    return stop_with(violation("unknown_ack", "an ack nobody waits for: " + frame.dump()));
  if (fails(checker_.acked(message_id, text_of(frame, "run_id")))) return;
  history_.add(user_id_, "ok",
               {{"op", "user_message"}, {"message_id", message_id}, {"run_id", frame["run_id"]}});
  answered_ = true;
  if (sends_ == 1) counts_.ack_milliseconds.push_back(milliseconds_since(sent_at_));
  watch();
  go_on();
}

void ChatUser::on_error(const json& frame) {
  const std::string code = text_of(frame, "code");
  const bool of_message = !answered_ && text_of(frame, "message_id") == message().message_id;
  const bool later = code == "overloaded" || code == "log_unavailable" || code == "rate_limited";
  // Of the stream itself: the service closes the socket after it, and the user comes back.
  const bool of_stream = later && code != "rate_limited" && !frame.contains("message_id");
  if (!(of_message && later) && !of_stream)
    return stop_with(violation("error_frame", frame.dump()));
  json line{{"op", of_message ? "user_message" : "stream"}, {"code", code}};
  if (of_message) line["message_id"] = message().message_id;
  history_.add(user_id_, "fail", std::move(line));
  if (!of_message) return;
  answered_ = true;
  hold(std::max(milliseconds(50), milliseconds_of(frame, "retry_after_ms")));
}

// ---- what the user does

void ChatUser::go_on() {
  while (answered_ && !held_) {
    if (conversation_ >= conversations_.size()) {
      if (options_.recheck) return begin_recheck();
      return finish();
    }
    const std::string message_id = message().message_id;
    if (!checker_.is_ended(message_id)) {
      if (checker_.is_acked(message_id) || checker_.is_received(message_id)) return;
      if (sends_ == 0 && std::chrono::steady_clock::now() >= options_.stop_at) {
        conversation_ = conversations_.size();
        continue;
      }
      if (options_.pause.count() > 0 && sends_ == 0 && !std::exchange(paused_, true))
        return hold(options_.pause);
      return send_message();
    }
    ++counts_.messages;
    sends_ = 0;
    paused_ = false;
    if (++turn_ < conversations_[conversation_]->turns.size()) continue;
    turn_ = 0;
    ++conversation_;
  }
}

void ChatUser::send_message() {
  const OutgoingMessage due = message();
  checker_.sending(due);
  ++sends_;
  if (sends_ > 1) ++counts_.resends;
  answered_ = false;
  sent_at_ = std::chrono::steady_clock::now();
  if (history_.is_on())
    history_.add(user_id_, "invoke",
                 {{"op", "user_message"},
                  {"message_id", due.message_id},
                  {"thread_id", due.thread_id},
                  {"content_sha256", sha256_hex(due.turn->user)},
                  {"n", sends_}});
  socket_->send_text(json{
      {"type", "user_message"},
      {"id", due.message_id},
      {"message_id", due.message_id},
      {"thread_id", due.thread_id},
      {"content", due.turn->user},
      {"agent",
       due.agent}}.dump());
  watch();
}

void ChatUser::begin_recheck() {
  phase_ = Phase::rechecking;
  rechecked_ = 0;
  history_.add(user_id_, "invoke", {{"op", "resume"}, {"from", "start"}});
  socket_->send_text(R"({"type":"resume","from":"start"})");
  watch();
}

void ChatUser::finish() {
  if (fails(checker_.finish())) return;
  phase_ = Phase::leaving;
  socket_->close(kNormalClosure);
  after(kLeaveMax, [this] {
    socket_->abort();
    left();
    phase_ = Phase::over;
    sink_.on_finished(*this);
  });
}

void ChatUser::hold(milliseconds wait) {
  held_ = true;
  after(wait, [this] {
    held_ = false;
    go_on();
  });
}

void ChatUser::watch() {
  if (held_ || phase_ == Phase::leaving || phase_ == Phase::over) return;
  after(options_.stall_max, [this] {
    stop_with(violation("stalled", "connected, but nothing came for " +
                                       std::to_string(options_.stall_max.count() / 1000) + " s" +
                                       (conversation_ < conversations_.size() && sends_ > 0
                                            ? " after message " + message().message_id
                                            : std::string())));
  });
}

void ChatUser::after(milliseconds wait, std::function<void()> action) {
  timer_.expires_after(wait);
  timer_.async_wait(
      [this, round = ++timer_round_, action = std::move(action)](const asio::error_code& error) {
        // Its time may have been up before it was set anew or called off.
        if (!error && round == timer_round_) action();
      });
}

void ChatUser::call_off() {
  ++timer_round_;
  timer_.cancel();
}

bool ChatUser::fails(Verdict verdict) {
  if (!verdict) return false;
  stop_with(std::move(*verdict));
  return true;
}

void ChatUser::stop_with(Violation wrong) {
  if (phase_ == Phase::over) return;
  call_off();
  if (socket_) socket_->abort();
  left();
  phase_ = Phase::over;
  sink_.on_violation(wrong);
}

}  // namespace signalbox::bench
