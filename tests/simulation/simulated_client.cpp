#include "tests/simulation/simulated_client.hpp"

#include <algorithm>

#include "event-store/contract/identity.hpp"

namespace signalbox::simulation {

using gateway::CloseCode;
using gateway::StreamFrom;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kCanary = "canary-";
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
  if (!gateway.accept(connection_, std::move(handshake), user_)) {
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
  said_.push_back({std::move(message), std::move(thread), std::move(agent), ++operations_});
  if (ready_) send_message(said_.back());
}

void SimulatedClient::send_message(Said& said) {
  send({{"type", "user_message"},
        {"message_id", said.message_id.value()},
        {"thread_id", said.thread},
        {"content", "say " + said.message_id.value() + " " + std::string(kCanary) + user_.value()},
        {"agent", said.agent}});
}

void SimulatedClient::cancel_one_run() {
  if (said_.empty() || !ready_) return;
  const auto newest = std::min<std::size_t>(said_.size(), 4);
  const Said& said = said_[said_.size() - 1 - parts_.random.below(newest)];
  const RunId run = event_store::run_id_of(user_, said.message_id);
  send({{"type", "cancel_run"}, {"run_id", run.value().to_string()}, {"id", "cancel"}});
}

void SimulatedClient::answer_one_question() {
  if (questions_.empty() || !ready_) return;
  const auto& [run, request] = questions_[parts_.random.below(questions_.size())];
  send({{"type", "run_input"},
        {"run_id", run},
        {"request_id", request},
        {"data", {{"confirmed", true}}}});
}

void SimulatedClient::cut() {
  if (connection_) connection_->cut();
}

void SimulatedClient::stall(bool stalled) {
  if (connection_) connection_->stall(stalled);
}

void SimulatedClient::resume_where_it_was() {
  if (!ready_ || !caught_up_ || bookmarks_.empty()) return;
  parts_.report.count("resume on a live socket");
  ask_for(bookmarks_[parts_.random.below(bookmarks_.size())]);
}

void SimulatedClient::ask_for(const Bookmark& bookmark) {
  asked_for_ = bookmark;
  repeat_is_due_ = bookmark.seen < history_.size();
  caught_up_ = false;
  send({{"type", "resume"}, {"cursor", bookmark.cursor}});
}

void SimulatedClient::present(std::string foreign_cursor) {
  if (!cursor_) return;
  parts_.report.count("foreign cursor presented");
  drop_connection();
  open_connection(StreamFrom::cursor, std::move(foreign_cursor));
  presents_foreign_ = connection_ != nullptr;
}

void SimulatedClient::send(const Json& frame) {
  if (connection_) connection_->say(frame.dump());
}

bool SimulatedClient::has_all_acks() const {
  return std::ranges::all_of(said_, [](const Said& said) { return said.acknowledged > 0; });
}

// ---- what it hears

void SimulatedClient::on_text(std::string_view text) {
  ++heard_;
  parts_.report.trace.add(name_);
  parts_.report.trace.add(text);
  check_canaries(text);
  const Json frame = Json::parse(text);
  if (frame.contains("seq")) return on_event(frame, text);
  const std::string& type = frame.at("type").get_ref<const std::string&>();
  if (type == "connection_ready") return on_ready(frame);
  if (type == "caught_up") return on_caught_up(frame);
  if (type == "ack") return on_ack(frame);
  if (type == "error") return on_error(frame);
  parts_.report.count("frame " + type);
}

void SimulatedClient::on_end(CloseCode code) {
  parts_.report.count("closed " + std::string(gateway::to_text(code)));
  connection_.reset();
  ready_ = false;
  come_back_later();
}

// No byte of one user reaches another one's socket.
void SimulatedClient::check_canaries(std::string_view text) {
  for (auto at = text.find(kCanary); at != std::string_view::npos; at = text.find(kCanary, at)) {
    at += kCanary.size();
    if (!text.substr(at).starts_with(user_.value()))
      violate("got what belongs to somebody else: " + std::string(text));
  }
}

void SimulatedClient::on_ready(const Json& frame) {
  const auto cursor = frame.find("cursor");
  if (presents_foreign_) {
    if (cursor != frame.end()) return violate("a cursor of another user was taken");
    ready_ = true;
    ask_for({*cursor_, history_.size()});
  } else {
    if (cursor == frame.end()) return violate("connection_ready without a cursor");
    if (cursor_ && *cursor != *cursor_)
      violate("the stream does not begin where it was asked to, but at " + cursor->dump());
    ready_ = true;
    keep_cursor(*cursor);
  }
  for (Said& said : said_)
    if (said.acknowledged == 0) send_message(said);
}

void SimulatedClient::keep_cursor(const std::string& cursor) {
  cursor_ = cursor;
  bookmarks_.push_back({cursor, history_.size()});
}

void SimulatedClient::on_event(const Json& frame, std::string_view text) {
  const auto seq = frame.at("seq").get<std::int64_t>();
  if (frame.at("user_id") != user_.value()) violate("got an event of another user");
  if (!ready_) violate("an event before connection_ready");
  const auto next = static_cast<std::int64_t>(history_.size()) + 1;
  // What it asked for again begins; until then what was on its way may still come.
  if (asked_for_ && seq == static_cast<std::int64_t>(asked_for_->seen) + 1) {
    history_.resize(asked_for_->seen);
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
  history_.push_back({seq, std::string(text)});
  std::erase_if(bookmarks_, [&](const Bookmark& one) { return one.seen >= history_.size(); });
  keep_cursor(frame.at("cursor"));
}

void SimulatedClient::on_caught_up(const Json& frame) {
  if (!ready_) violate("caught_up before connection_ready");
  if (caught_up_) violate("caught_up a second time");
  if (std::exchange(repeat_is_due_, false))
    violate("events that were asked for again did not come");
  asked_for_.reset();
  caught_up_ = true;
  keep_cursor(frame.at("cursor"));
}

void SimulatedClient::on_ack(const Json& frame) {
  ++operations_;
  const auto message = frame.find("message_id");
  if (message == frame.end()) {
    if (frame.contains("id")) acknowledged_cancels_.insert(frame.at("run_id"));
    return parts_.report.count("ack of a cancel or an answer");
  }
  parts_.report.count("ack of a message");
  for (Said& said : said_)
    if (said.acknowledged == 0 && said.message_id.value() == *message)
      said.acknowledged = operations_;
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
  later_on_this_visit(milliseconds(500), [this, id = frame.at("message_id").get<std::string>()] {
    for (Said& said : said_)
      if (ready_ && said.acknowledged == 0 && said.message_id.value() == id) send_message(said);
  });
}

}  // namespace signalbox::simulation
