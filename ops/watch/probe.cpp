#include "ops/watch/probe.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <nlohmann/json.hpp>
#include <utility>

namespace signalbox::watch {
namespace {

using nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint16_t kNormalClosure = 1000;
constexpr int kStatusUnauthorized = 401;
constexpr std::size_t kAnswerShownMax = 200;

struct StageText {
  std::string_view name;
  std::string_view late;  // what is said when it does not come in time
};
constexpr std::array<StageText, kStages> kStageTexts = {{
    {"connect", "no connection"},
    {"token", "the connection stands, but nobody answered the upgrade"},
    {"ready", "the upgrade was granted, but no connection_ready came"},
    {"ack", "the message was not acknowledged"},
    {"message_received", "acknowledged, but no router received the message"},
    {"agent_started", "received, but no agent started"},
    {"first_piece", "started, but nothing was answered"},
    {"agent_completed", "started, but the run did not complete"},
}};

std::size_t index(Stage stage) { return static_cast<std::size_t>(stage); }

std::string text_of(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What stands in the report is for a line of a log.
std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kAnswerShownMax ? text : text.substr(0, kAnswerShownMax) + "...";
}

std::string span(milliseconds time) { return std::to_string(time.count()) + " ms"; }

}  // namespace

std::string_view to_text(Stage stage) { return kStageTexts[index(stage)].name; }

Probe::Probe(asio::io_context& io, const Clock& clock, const ProbeOptions& options,
             ProbeMessage message, Done done)
    : clock_(clock),
      options_(options),
      message_(std::move(message)),
      done_(std::move(done)),
      report_{.message_id = message_.message_id, .started = clock.now()},
      started_(clock.monotonic()),
      base_(started_),
      io_(io),
      timer_(io) {}

Probe::~Probe() {
  timer_.cancel();
  if (socket_) socket_->abort();
}

void Probe::start(const Result<std::string>& token) {
  if (!token) return fail(Stage::token, "there is no token: " + token.error().message);
  client::WebSocketRequest request{.url = options_.service,
                                   .headers = {{"Authorization", "Bearer " + *token}},
                                   .subprotocol = "signalbox.v1",
                                   .tls = options_.tls,
                                   .connect_max = options_.deadline * 2,
                                   .silence_max = options_.deadline * 2};
  watch();
  socket_ = client::WebSocketClient::connect(io_, std::move(request), *this);
}

// ---- the socket

void Probe::on_connected() { pass(Stage::connect); }
void Probe::on_open() { pass(Stage::token); }

void Probe::on_text(std::string_view text) {
  if (phase_ != Phase::under_way) return;
  const json frame = json::parse(text, nullptr, false);
  if (!frame.is_object()) return fail("the service sent a frame that is no JSON object");
  on_frame(frame);
}

void Probe::on_end(const client::WebSocketEnd& end) {
  socket_.reset();
  if (phase_ == Phase::leaving) return finish();
  fail(told_by(end));
}

std::string Probe::told_by(const client::WebSocketEnd& end) const {
  using Kind = client::WebSocketEnd::Kind;
  const std::string place = options_.service.host + ":" + options_.service.port;
  const std::string tls_hint =
      options_.service.secure ? "" : "; where the port speaks TLS, the url begins with wss://";
  switch (end.kind) {
    case Kind::unreachable:
      if (passed(Stage::connect))
        return place + " ended the connection instead of answering the upgrade: " + end.reason +
               tls_hint;
      return place + " cannot be reached: " + end.reason;
    case Kind::refused:
      if (end.code == kStatusUnauthorized) return "the service refused the token: " + end.reason;
      return "the upgrade of " + options_.service.path + " was answered by " + end.reason;
    case Kind::closed:
      return "the service closed the socket with " + std::to_string(end.code) + " " + end.reason;
    case Kind::broken: return "the connection was lost: " + end.reason;
    case Kind::fault:
      return place + " does not speak the WebSocket protocol: " + end.reason + tls_hint;
  }
  return end.reason;
}

// ---- frames

void Probe::on_frame(const json& frame) {
  const std::string type = text_of(frame, "type");
  if (type == "connection_ready") {
    pass(Stage::ready);
    return send_message();
  }
  if (type == "error")
    return fail("the service answered with the error " + text_of(frame, "code") + ": " +
                text_of(frame, "message"));
  if (type == "ack" && text_of(frame, "message_id") == message_.message_id) {
    run_id_ = text_of(frame, "run_id");
    return pass(Stage::ack);
  }
  on_event(type, frame);
}

void Probe::on_event(const std::string& type, const json& frame) {
  const json data = frame.contains("data") ? frame["data"] : json::object();
  const bool is_outcome =
      type == "message_received" || type == "message_rejected" || type == "message_duplicate";
  if (is_outcome && text_of(data, "message_id") == message_.message_id) {
    if (type == "message_received") {
      run_id_ = text_of(frame, "run_id");
      return pass(Stage::message_received);
    }
    return fail(Stage::message_received, "the router answered with " + type + " " + shown(data));
  }
  // Of an earlier probe's run, or of another watch.
  if (run_id_.empty() || text_of(frame, "run_id") != run_id_) return;
  if (type == "agent_started") return pass(Stage::agent_started);
  if (type == "agent_responding") return pass(Stage::first_piece);
  on_answer(type, data);
}

void Probe::on_answer(const std::string& type, const json& data) {
  if (type == "agent_failed" || type == "agent_cancelled" || type == "agent_completed")
    run_id_.clear();  // it has ended: nothing is left to be cancelled
  if (type == "agent_failed" || type == "agent_cancelled")
    return fail(Stage::agent_completed, "the run ended with " + type + " " + shown(data));
  if (type != "agent_completed") return;
  if (text_of(data, "content").find(options_.expected) == std::string::npos)
    return fail(Stage::agent_completed,
                "the answer lacks " + shown(options_.expected) + ": " + shown(data));
  pass(Stage::agent_completed);
}

void Probe::send_message() {
  if (phase_ != Phase::under_way) return;
  socket_->send_text(json{
      {"type", "user_message"},
      {"id", "probe"},
      {"message_id", message_.message_id},
      {"thread_id", message_.thread_id},
      {"content", options_.content},
      {"agent",
       options_.agent}}.dump());
}

// ---- stages

bool Probe::passed(Stage stage) const { return report_.stages[index(stage)].has_value(); }

std::optional<Stage> Probe::missing() const {
  for (std::size_t i = 0; i < kStages; ++i)
    if (!report_.stages[i] && static_cast<Stage>(i) != Stage::first_piece)
      return static_cast<Stage>(i);
  return std::nullopt;
}

void Probe::pass(Stage stage) {
  if (phase_ != Phase::under_way || passed(stage)) return;
  const MonotonicTime now = clock_.monotonic();
  report_.stages[index(stage)] = std::chrono::duration_cast<microseconds>(now - base_);
  if (stage <= Stage::ready) base_ = now;
  if (!missing()) return leave();
  watch();
}

void Probe::watch() {
  const milliseconds used = std::chrono::duration_cast<milliseconds>(clock_.monotonic() - started_);
  const milliseconds left = std::max(milliseconds(0), options_.deadline - used);
  const bool is_last = left < options_.stage_deadline;
  timer_.expires_after(std::min(left, options_.stage_deadline));
  timer_.async_wait([this, is_last](const asio::error_code& error) {
    if (error || phase_ != Phase::under_way) return;
    const std::string late(kStageTexts[index(*missing())].late);
    fail(late + (is_last ? ", and the " + span(options_.deadline) + " of the whole probe are over"
                         : " within " + span(options_.stage_deadline)));
  });
}

void Probe::fail(std::string words) {
  const auto stage = missing();
  fail(stage.value_or(Stage::agent_completed), std::move(words));
}

void Probe::fail(Stage stage, std::string words) {
  if (phase_ != Phase::under_way) return;
  report_.failure = {stage, std::move(words)};
  // The next probe does not wait behind a run that nobody watches any more.
  if (socket_ && !run_id_.empty())
    socket_->send_text(json{{"type", "cancel_run"}, {"run_id", run_id_}}.dump());
  leave();
}

void Probe::leave() {
  phase_ = Phase::leaving;
  report_.total = std::chrono::duration_cast<microseconds>(clock_.monotonic() - started_);
  const bool is_open = socket_ && passed(Stage::token);
  if (is_open) socket_->close(kNormalClosure);
  timer_.expires_after(is_open ? kLeaveMax : milliseconds(0));
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error) finish();
  });
}

void Probe::finish() {
  if (phase_ == Phase::over) return;
  phase_ = Phase::over;
  timer_.cancel();
  if (socket_) socket_->abort();
  // Whoever is told may destroy this.
  asio::post(io_, [done = done_, report = report_] { done(report); });
}

}  // namespace signalbox::watch
