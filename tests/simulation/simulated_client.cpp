#include "tests/simulation/simulated_client.hpp"

#include <algorithm>

#include "event-store/contract/identity.hpp"
#include "ops/bench/digest.hpp"

namespace signalbox::simulation {

using gateway::CloseCode;
using gateway::StreamFrom;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kCanary = "canary-";
// What a request is for, before the id of its run or question.
constexpr std::string_view kCancel = "cancel ";
constexpr std::string_view kAnswer = "answer ";
// A client that waits for so long for an answer believes that the connection is dead.
constexpr std::chrono::seconds kPatience{8};

}  // namespace

SimulatedClient::~SimulatedClient() {
  if (connection_) connection_->forget_user();
}

// ---- what it does

void SimulatedClient::connect() {
  if (connection_) return;
  if (cursor_)
    open_connection(StreamFrom::cursor, *cursor_);
  else
    open_connection(StreamFrom::start, {});
}

void SimulatedClient::open_connection(StreamFrom from, std::string cursor) {
  ++visit_;
  ready_ = caught_up_ = presents_foreign_ = false;
  asked_for_.reset();
  repeat_is_due_ = false;
  keep("socket", {{"state", "open"}, {"cursor", cursor}});
  ConnectionUser& user = *this;
  connection_ = std::make_shared<SimulatedConnection>(parts_.scheduler, parts_.delays, user);
  auto& gateway = *parts_.gateways[parts_.random.below(parts_.gateways.size())];
  gateway::Handshake handshake{.subprotocol = "signalbox.v1",
                               .dialect = event_store::WireDialect::v1,
                               .token = std::nullopt,
                               .from = from,
                               .cursor = std::move(cursor),
                               .wanted_client = std::nullopt,
                               .user_agent = "simulation"};
  if (!gateway.accept(connection_, std::move(handshake), account_.user)) {
    drop_connection();
    return come_back_later();
  }
  watch_for_answers(visit_);
}

void SimulatedClient::drop_connection() {
  if (!connection_) return;
  connection_->forget_user();
  connection_->cut();
  connection_.reset();
  ready_ = false;
  keep_end("dropped");
}

void SimulatedClient::keep(std::string_view kind, Json line) {
  line["device"] = account_.name;
  parts_.kept.add(account_.user.value(), kind, std::move(line));
}

void SimulatedClient::keep_end(std::string_view code) {
  keep("socket", {{"state", "ended"}, {"code", code}});
  for (Said& said : account_.said)
    if (std::exchange(said.is_open, false))
      keep("unknown", {{"op", "user_message"}, {"message_id", said.message_id.value()}});
  if (std::exchange(is_resuming_, false)) keep("unknown", {{"op", "resume"}});
}

void SimulatedClient::come_back_later() {
  later_on_this_visit(milliseconds(800), [this] { connect(); });
}

void SimulatedClient::later_on_this_visit(milliseconds most, std::function<void()> task) {
  const auto delay = parts_.random.below(static_cast<std::uint64_t>(most.count()));
  parts_.scheduler.call_after(milliseconds(delay), [this, alive = std::weak_ptr<bool>(alive_),
                                                    visit = visit_, task = std::move(task)] {
    if (!alive.expired() && visit == visit_) task();
  });
}

void SimulatedClient::watch_for_answers(std::uint64_t visit) {
  parts_.scheduler.call_after(kPatience,
                              [this, alive = std::weak_ptr<bool>(alive_), visit, heard = heard_] {
                                if (alive.expired() || visit != visit_ || !connection_) return;
                                const bool waits = !ready_ || !caught_up_ || !has_all_acks();
                                if (!waits || heard != heard_) return watch_for_answers(visit);
                                parts_.report.count("client gave a connection up");
                                drop_connection();
                                come_back_later();
                              });
}

void SimulatedClient::say(MessageId message, std::string thread, std::string agent) {
  std::string content =
      "say " + message.value() + " " + std::string(kCanary) + account_.user.value();
  account_.said.push_back(
      {std::move(message), std::move(thread), std::move(agent), std::move(content), ++operations_});
  if (ready_) send_message(account_.said.back());
}

void SimulatedClient::send_message(Said& said) {
  // Said once more before it was answered: the first try is given up.
  if (std::exchange(said.is_open, true))
    keep("unknown", {{"op", "user_message"}, {"message_id", said.message_id.value()}});
  parts_.report.count(said.tries == 0 ? "message sent" : "message sent again");
  keep("invoke", {{"op", "user_message"},
                  {"message_id", said.message_id.value()},
                  {"thread_id", said.thread},
                  {"content_sha256", bench::sha256_hex(said.content)},
                  {"n", ++said.tries}});
  send({{"type", "user_message"},
        {"message_id", said.message_id.value()},
        {"thread_id", said.thread},
        {"content", said.content},
        {"agent", said.agent}});
}

void SimulatedClient::cancel_one_run() {
  if (account_.said.empty() || !ready_) return;
  const auto newest = std::min<std::size_t>(account_.said.size(), 4);
  const Said& said = account_.said[account_.said.size() - 1 - parts_.random.below(newest)];
  const RunId run = event_store::run_id_of(account_.user, said.message_id);
  const std::string run_id = run.value().to_string();
  account_.sent_cancels.insert(run_id);
  send({{"type", "cancel_run"}, {"run_id", run_id}, {"id", std::string(kCancel) + run_id}});
}

void SimulatedClient::answer_one_question() {
  if (questions_.empty() || !ready_) return;
  const auto& [run, request] = questions_[parts_.random.below(questions_.size())];
  account_.sent_answers.insert(request);
  send({{"type", "run_input"},
        {"run_id", run},
        {"request_id", request},
        {"data", {{"confirmed", true}}},
        {"id", std::string(kAnswer) + request}});
}

bool SimulatedClient::cut() {
  if (connection_) connection_->cut();
  return connection_ != nullptr;
}

bool SimulatedClient::vanish() {
  if (connection_) connection_->vanish();
  return connection_ != nullptr;
}

bool SimulatedClient::stall(bool stalled) {
  if (connection_) connection_->stall(stalled);
  return connection_ != nullptr;
}

void SimulatedClient::resume_where_it_was() {
  if (!ready_ || !caught_up_ || bookmarks_.empty()) return;
  parts_.report.count("resume on a live socket");
  const Bookmark bookmark = bookmarks_[parts_.random.below(bookmarks_.size())];
  ask_for(bookmark, {{"cursor", bookmark.cursor}});
}

void SimulatedClient::read_again() {
  if (!ready_) return;
  ask_for({"", 0}, {{"from", "start"}});
}

void SimulatedClient::ask_for(const Bookmark& bookmark, Json from) {
  if (std::exchange(is_resuming_, true)) keep("unknown", {{"op", "resume"}});
  asked_for_ = bookmark;
  repeat_is_due_ = bookmark.seen < account_.history.size();
  caught_up_ = false;
  from["op"] = "resume";
  keep("invoke", from);
  from.erase("op");
  from["type"] = "resume";
  send(from);
}

void SimulatedClient::present(std::string foreign_cursor) {
  if (!cursor_) return;
  parts_.report.count("foreign cursor presented");
  drop_connection();
  keep("socket", {{"state", "foreign"}});
  open_connection(StreamFrom::cursor, std::move(foreign_cursor));
  presents_foreign_ = connection_ != nullptr;
}

void SimulatedClient::send(const Json& frame) {
  if (connection_) connection_->say(frame.dump());
}

bool SimulatedClient::has_all_acks() const {
  return std::ranges::all_of(account_.said, [](const Said& said) { return said.acknowledged > 0; });
}

// ---- what it hears

void SimulatedClient::on_text(std::string_view text) {
  ++heard_;
  parts_.report.trace.add(account_.name);
  parts_.report.trace.add(text);
  check_canaries(text);
  const Json frame = Json::parse(text);
  if (parts_.kept.is_on())
    parts_.kept.add_frame(account_.user.value(), text, frame, {{"device", account_.name}});
  if (frame.contains("seq")) return on_event(frame, text);
  const std::string& type = frame.at("type").get_ref<const std::string&>();
  if (type == "connection_ready") return on_ready(frame);
  if (type == "caught_up") return on_caught_up(frame);
  if (type == "ack") return on_ack(frame);
  if (type == "draining") return on_draining(frame);
  if (type == "error") return on_error(frame);
  parts_.report.count("frame " + type);
}

void SimulatedClient::on_end(CloseCode code) {
  parts_.report.count("closed " + std::string(gateway::to_text(code)));
  connection_.reset();
  ready_ = false;
  keep_end(gateway::to_text(code));
  come_back_later();
}

// No byte of one user reaches another one's socket.
void SimulatedClient::check_canaries(std::string_view text) {
  for (auto at = text.find(kCanary); at != std::string_view::npos; at = text.find(kCanary, at)) {
    at += kCanary.size();
    if (!text.substr(at).starts_with(account_.user.value()))
      violate("got what belongs to somebody else: " + std::string(text));
  }
}

void SimulatedClient::on_ready(const Json& frame) {
  const auto cursor = frame.find("cursor");
  keep("socket", {{"state", "ready"}, {"client_id", frame.at("websocket_client_id")}});
  if (presents_foreign_) {
    if (cursor != frame.end()) return violate("a cursor of another user was taken");
    ready_ = true;
    ask_for({*cursor_, account_.history.size()}, {{"cursor", *cursor_}});
  } else {
    if (cursor == frame.end()) return violate("connection_ready without a cursor");
    if (cursor_ && *cursor != *cursor_)
      violate("the stream does not begin where it was asked to, but at " + cursor->dump());
    ready_ = true;
    keep_cursor(*cursor);
  }
  for (Said& said : account_.said)
    if (said.acknowledged == 0) send_message(said);
}

void SimulatedClient::keep_cursor(const std::string& cursor) {
  cursor_ = cursor;
  bookmarks_.push_back({cursor, account_.history.size()});
}

void SimulatedClient::on_event(const Json& frame, std::string_view text) {
  const auto seq = frame.at("seq").get<std::int64_t>();
  if (frame.at("user_id") != account_.user.value()) violate("got an event of another user");
  if (!ready_) violate("an event before connection_ready");
  const auto next = static_cast<std::int64_t>(account_.history.size()) + 1;
  // What it asked for again begins; until then what was on its way may still come.
  if (asked_for_ && seq == static_cast<std::int64_t>(asked_for_->seen) + 1) {
    const auto again = account_.history.begin() + static_cast<std::ptrdiff_t>(asked_for_->seen);
    account_.seen_beyond.insert(account_.seen_beyond.begin(), again, account_.history.end());
    account_.history.resize(asked_for_->seen);
    if (seq != next) {
      asked_for_.reset();
      repeat_is_due_ = false;
    }
  } else if (seq != next) {
    return violate("got event " + std::to_string(seq) + " where " + std::to_string(next) +
                   " is next");
  }
  const std::string& type = frame.at("type").get_ref<const std::string&>();
  if (type == "input_requested")
    questions_.emplace_back(frame.at("run_id"), frame.at("data").at("request_id"));
  account_.history.push_back({seq, std::string(text)});
  if (!account_.seen_beyond.empty()) {
    if (account_.seen_beyond.front().frame != text)
      violate("event " + std::to_string(seq) + " came again as another: " + std::string(text) +
              " for " + account_.seen_beyond.front().frame);
    account_.seen_beyond.pop_front();
  }
  std::erase_if(bookmarks_,
                [&](const Bookmark& one) { return one.seen >= account_.history.size(); });
  keep_cursor(frame.at("cursor"));
}

void SimulatedClient::on_caught_up(const Json& frame) {
  if (!ready_) violate("caught_up before connection_ready");
  if (caught_up_) violate("caught_up a second time");
  if (std::exchange(repeat_is_due_, false))
    violate("events that were asked for again did not come");
  if (std::exchange(is_resuming_, false))
    keep("ok", {{"op", "resume"}, {"cursor", frame.at("cursor")}});
  asked_for_.reset();
  caught_up_ = true;
  keep_cursor(frame.at("cursor"));
}

void SimulatedClient::on_ack(const Json& frame) {
  ++operations_;
  const std::string run = frame.at("run_id");
  if (const auto message = frame.find("message_id"); message != frame.end()) {
    parts_.report.count("ack of a message");
    const auto said = std::ranges::find_if(
        account_.said, [&](const Said& one) { return one.message_id.value() == *message; });
    if (said == account_.said.end())
      return violate("an ack of what it never said: " + frame.dump());
    if (run != event_store::run_id_of(account_.user, said->message_id).value().to_string())
      violate("an ack that names another run: " + frame.dump());
    if (said->acknowledged == 0) said->acknowledged = operations_;
    if (std::exchange(said->is_open, false))
      keep("ok", {{"op", "user_message"}, {"message_id", *message}, {"run_id", run}});
    return;
  }
  const std::string id = frame.value("id", "");
  if (id.starts_with(kCancel)) {
    parts_.report.count("ack of a cancel");
    if (id.substr(kCancel.size()) != run) violate("an ack of another cancel: " + frame.dump());
    account_.acknowledged_cancels.insert(run);
  } else if (id.starts_with(kAnswer)) {
    parts_.report.count("ack of an answer");
    account_.acknowledged_answers.insert(id.substr(kAnswer.size()));
  } else {
    violate("an ack of nothing: " + frame.dump());
  }
}

// It comes back with this cursor, so that it must not be beyond what it has seen.
void SimulatedClient::on_draining(const Json& frame) {
  parts_.report.count("frame draining");
  if (const auto cursor = frame.find("cursor"); cursor != frame.end() && !asked_for_)
    keep_cursor(*cursor);
}

void SimulatedClient::on_error(const Json& frame) {
  const std::string& code = frame.at("code").get_ref<const std::string&>();
  parts_.report.count("error " + code);
  if (code == "cursor_invalid") {
    if (!presents_foreign_) violate("its own cursor was refused: " + frame.dump());
    return;
  }
  if (code != "log_unavailable" && code != "overloaded" && code != "rate_limited")
    return violate("error " + frame.dump());
  if (!frame.contains("message_id")) return;
  for (Said& said : account_.said)
    if (said.message_id.value() == frame.at("message_id") && std::exchange(said.is_open, false))
      keep("fail",
           {{"op", "user_message"}, {"message_id", said.message_id.value()}, {"code", code}});
  later_on_this_visit(milliseconds(500), [this, id = frame.at("message_id").get<std::string>()] {
    for (Said& said : account_.said)
      if (ready_ && said.acknowledged == 0 && said.message_id.value() == id) send_message(said);
  });
}

}  // namespace signalbox::simulation
