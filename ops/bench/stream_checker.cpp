#include "ops/bench/stream_checker.hpp"

#include <utility>

#include "event-store/model/utf8.hpp"
#include "ops/bench/digest.hpp"
#include "ops/bench/json_text.hpp"

namespace signalbox::bench {

namespace {

using nlohmann::json;

constexpr std::size_t kShownBytesMax = 200;

std::string shown(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= kShownBytesMax ? text : text.substr(0, kShownBytesMax) + "…";
}

std::optional<std::int64_t> number_of(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

// 2026-11-20T09:30:00.000000Z: of one length, so that text order is time order.
bool is_contract_time(const std::string& text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return false;
  return true;
}

std::string_view from_code_point(std::string_view text, std::int64_t offset) {
  std::size_t at = 0;
  while (offset > 0 && at < text.size()) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
    --offset;
  }
  return text.substr(at);
}

const json& data_of(const json& frame) {
  static const json kNone = json::object();
  const auto found = frame.find("data");
  return found != frame.end() && found->is_object() ? *found : kNone;
}

bool is_outcome(const std::string& type) {
  return type == "message_received" || type == "message_duplicate" || type == "message_rejected";
}

}  // namespace

Violation StreamChecker::violation(std::string name, const std::string& what) const {
  return {std::move(name), "user " + user_id_ + ": " + what};
}

Violation StreamChecker::violation(std::string name, const Run& run,
                                   const std::string& what) const {
  return violation(std::move(name), "thread " + run.message.thread_id + " message " +
                                        run.message.message_id + " run " + run.run_id + ": " +
                                        what);
}

const StreamChecker::Run* StreamChecker::find(const std::string& message_id) const {
  const auto found = runs_.find(message_id);
  return found == runs_.end() ? nullptr : &found->second;
}

bool StreamChecker::is_acked(const std::string& message_id) const {
  const Run* run = find(message_id);
  return run != nullptr && run->acked;
}

bool StreamChecker::is_received(const std::string& message_id) const {
  const Run* run = find(message_id);
  return run != nullptr && run->received;
}

bool StreamChecker::is_started(const std::string& message_id) const {
  const Run* run = find(message_id);
  return run != nullptr && run->started;
}

bool StreamChecker::is_ended(const std::string& message_id) const {
  const Run* run = find(message_id);
  return run != nullptr && run->ended;
}

void StreamChecker::sending(const OutgoingMessage& message) {
  auto [place, is_new] = runs_.try_emplace(message.message_id);
  Run& run = place->second;
  if (is_new) {
    run.message = message;
    run.run_id = contract_uuid({"run", user_id_, message.message_id});
    message_of_run_.emplace(run.run_id, message.message_id);
  }
  ++run.sends;
}

Verdict StreamChecker::acked(const std::string& message_id, const std::string& run_id) {
  const auto found = runs_.find(message_id);
  if (found == runs_.end())
    return violation("unknown_ack", "an ack of " + message_id + ", which was not sent");
  Run& run = found->second;
  if (run_id != run.run_id) return violation("wrong_run_id", run, "the ack names run " + run_id);
  run.acked = true;
  return std::nullopt;
}

Verdict StreamChecker::event(const json& frame) {
  if (auto wrong = check_envelope(frame)) return wrong;
  const std::string type = text_of(frame, "type");
  if (is_outcome(type)) return outcome(type, frame);
  const std::string run_id = text_of(frame, "run_id");
  const auto message = message_of_run_.find(run_id);
  if (message == message_of_run_.end())
    return violation("unexpected_event",
                     type + " of run " + run_id + ", which is of none of the user's messages");
  return run_event(type, frame, runs_.at(message->second));
}

Verdict StreamChecker::check_envelope(const json& frame) {
  const std::string type = text_of(frame, "type");
  if (const std::string user = text_of(frame, "user_id"); user != user_id_)
    return violation("foreign_user", type + " is of user " + user);
  const auto seq = number_of(frame, "seq");
  if (!seq) return violation("no_seq", type + " has no seq: " + shown(frame));
  if (*seq <= last_seq_)
    return violation("repeat", type + " has seq " + std::to_string(*seq) + " after " +
                                   std::to_string(last_seq_));
  if (*seq > last_seq_ + 1)
    return violation(
        "gap", type + " has seq " + std::to_string(*seq) + " after " + std::to_string(last_seq_));
  last_seq_ = *seq;
  const std::string cursor = text_of(frame, "cursor");
  if (cursor.empty() || cursor == last_cursor_)
    return violation("bad_cursor", type + " seq " + std::to_string(*seq) +
                                       " has no cursor, or that of the event before");
  last_cursor_ = cursor;
  const std::string time = text_of(frame, "time");
  if (!is_contract_time(time) || time < last_time_)
    return violation("bad_time", type + " seq " + std::to_string(*seq) + " has time '" + time +
                                     "' after '" + last_time_ + "'");
  last_time_ = time;
  if (const std::string client = text_of(frame, "websocket_client_id");
      !client_ids_.contains(client))
    return violation("foreign_client", type + " seq " + std::to_string(*seq) + " is of socket " +
                                           client + ", which is none of the user's");
  return std::nullopt;
}

Verdict StreamChecker::outcome(const std::string& type, const json& frame) {
  const json& data = data_of(frame);
  const std::string message_id = text_of(data, "message_id");
  const auto found = runs_.find(message_id);
  if (found == runs_.end())
    return violation("unexpected_event", type + " of message '" + message_id + "', never sent");
  Run& run = found->second;
  if (type == "message_rejected") return violation("rejected", run, shown(data));
  if (type == "message_duplicate") {
    if (++run.duplicates >= run.sends)
      return violation("doubled_message", run, "a duplicate of a message that was not sent again");
    if (text_of(data, "run_id") != run.run_id)
      return violation("wrong_run_id", run, "the duplicate names run " + text_of(data, "run_id"));
    if (!run.received) return violation("doubled_message", run, "a duplicate of nothing");
    return std::nullopt;
  }
  if (run.received) return violation("doubled_message", run, "received twice");
  if (text_of(data, "content") != run.message.turn->user ||
      text_of(data, "agent") != run.message.agent ||
      text_of(frame, "thread_id") != run.message.thread_id)
    return violation("changed_message", run, "received as " + shown(frame));
  run.received = true;
  return std::nullopt;
}

Verdict StreamChecker::run_event(const std::string& type, const json& frame, Run& run) {
  const json& data = data_of(frame);
  const bool terminal =
      type == "agent_completed" || type == "agent_failed" || type == "agent_cancelled";
  if (run.ended)
    return violation(terminal ? "second_terminal" : "after_terminal", run,
                     type + " after the run's end");
  if (text_of(frame, "thread_id") != run.message.thread_id)
    return violation("foreign_thread", run, type + " is of thread " + text_of(frame, "thread_id"));
  if (type == "run_resumed") ++run.attempt;
  if (number_of(frame, "attempt") != run.attempt)
    return violation("wrong_attempt", run,
                     type + " has attempt " + shown(frame.value("attempt", json())) + ", not " +
                         std::to_string(run.attempt));
  if (type == "agent_started") {
    if (run.started) return violation("second_start", run, "started twice");
    if (!run.received) return violation("not_received", run, "started before message_received");
    if (text_of(data, "message_id") != run.message.message_id ||
        text_of(data, "agent") != run.message.agent)
      return violation("changed_message", run, "started as " + shown(data));
    run.started = true;
    return std::nullopt;
  }
  if (!run.started) return violation("not_started", run, type + " before agent_started");
  if (type == "run_resumed") {
    // A call that was at work when its owner was lost is stated again, as the same step.
    if (!run.open_call.empty()) --run.last_step;
    run.open_call.clear();
    return std::nullopt;
  }
  if (type == "agent_thinking") return next_step(data, run);
  if (type == "tool_executing") return tool_executing(data, run);
  if (type == "tool_completed") return tool_completed(data, run);
  if (type == "agent_completed") return completed(data, run);
  if (terminal) return violation("run_failed", run, type + " " + shown(data));
  return violation("unexpected_event", run, type);
}

Verdict StreamChecker::next_step(const json& data, Run& run) const {
  if (!run.open_call.empty())
    return violation("tool_order", run, "a step begins while call " + run.open_call + " is open");
  if (number_of(data, "step") != run.last_step + 1)
    return violation(
        "wrong_step", run,
        "step " + shown(data.value("step", json())) + " after " + std::to_string(run.last_step));
  ++run.last_step;
  return std::nullopt;
}

Verdict StreamChecker::tool_executing(const json& data, Run& run) const {
  if (auto wrong = next_step(data, run)) return wrong;
  if (run.calls_done >= run.message.turn->calls.size())
    return violation("wrong_tool", run, "one call more than recorded: " + shown(data));
  const ExpectedCall& expected = run.message.turn->calls[run.calls_done];
  if (text_of(data, "name") != expected.name)
    return violation("wrong_tool", run, text_of(data, "name") + ", recorded " + expected.name);
  if (data.value("arguments", json()) != expected.arguments)
    return violation("wrong_arguments", run,
                     shown(data) + ", recorded " + shown(expected.arguments));
  run.open_call = contract_uuid({"call", run.run_id, std::to_string(run.last_step)});
  if (text_of(data, "call_id") != run.open_call)
    return violation("wrong_call_id", run, text_of(data, "call_id") + ", not " + run.open_call);
  return std::nullopt;
}

Verdict StreamChecker::tool_completed(const json& data, Run& run) const {
  if (run.open_call.empty() || text_of(data, "call_id") != run.open_call ||
      number_of(data, "step") != run.last_step)
    return violation("tool_order", run, "completed without being at work: " + shown(data));
  const ExpectedCall& expected = run.message.turn->calls[run.calls_done];
  if (text_of(data, "name") != expected.name)
    return violation("wrong_tool", run, text_of(data, "name") + ", recorded " + expected.name);
  if (data.contains("error") || !data.contains("result") || data["result"] != expected.result)
    return violation("wrong_result", run, shown(data) + ", recorded " + shown(expected.result));
  run.open_call.clear();
  ++run.calls_done;
  return std::nullopt;
}

Verdict StreamChecker::completed(const json& data, Run& run) {
  if (!run.open_call.empty() || run.calls_done != run.message.turn->calls.size())
    return violation("missing_tool", run,
                     std::to_string(run.calls_done) + " of " +
                         std::to_string(run.message.turn->calls.size()) +
                         " recorded calls at the run's end");
  if (text_of(data, "content") != run.message.turn->assistant)
    return violation("wrong_answer", run,
                     shown(data) + ", recorded " + shown(run.message.turn->assistant));
  run.ended = true;
  ++runs_ended_;
  return std::nullopt;
}

Verdict StreamChecker::progress(const json& frame) {
  const std::string run_id = text_of(frame, "run_id");
  if (const std::string user = text_of(frame, "user_id"); user != user_id_)
    return violation("foreign_user", "agent_responding is of user " + user);
  const auto message = message_of_run_.find(run_id);
  if (message == message_of_run_.end())
    return violation("unexpected_event", "agent_responding of run " + run_id);
  const Run& run = runs_.at(message->second);
  const json& data = data_of(frame);
  const auto offset = number_of(data, "offset");
  const std::string piece = text_of(data, "content");
  if (!offset || *offset < 0 || frame.contains("seq") ||
      !from_code_point(run.message.turn->assistant, *offset).starts_with(piece))
    return violation("wrong_progress", run,
                     shown(frame) + " is no piece of " + shown(run.message.turn->assistant));
  return std::nullopt;
}

Verdict StreamChecker::finish() const {
  for (const auto& [message_id, run] : runs_) {
    if (run.acked && !run.received)
      return violation("lost_message", run, "acknowledged, but it never became an event");
    if (run.received && !run.ended)
      return violation("no_terminal", run, "received, but its run has no terminal event");
  }
  return std::nullopt;
}

}  // namespace signalbox::bench
