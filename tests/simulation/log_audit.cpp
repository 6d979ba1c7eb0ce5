#include "tests/simulation/log_audit.hpp"

#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/log/validity_fold.hpp"

namespace signalbox::simulation {
namespace {

using event_store::Verdict;

bool is_outcome(std::string_view name) {
  return name.starts_with("message_") || name.starts_with("cancel_") ||
         name.starts_with("run_input_");
}

// Whether the frame is this event and nothing else.
bool shows(const std::string& frame, const Record& event) {
  if (frame.ends_with("\"data\":" + event.value + "}")) return true;
  auto told = nlohmann::json::parse(frame);
  auto data = nlohmann::json::parse(event.value);
  const std::string type = told.at("type");
  std::erase_if(data.get_ref<nlohmann::json::object_t&>(),
                [&](const auto& member) { return !event_store::is_on_wire(type, member.first); });
  return told.at("data") == data;
}

std::string at(Partition partition, Offset offset) {
  return "events " + std::to_string(partition.value()) + " offset " +
         std::to_string(offset.value());
}

}  // namespace

LogAudit::LogAudit(const test_support::SimulatedEventLog& log, std::int32_t partitions,
                   RunReport& report)
    : report_(report) {
  for (std::int32_t i = 0; i < partitions; ++i) {
    read_inbound(Partition(i), log.records({Topic::inbound, Partition(i)}));
    read_events(Partition(i), log.records({Topic::events, Partition(i)}));
  }
}

void LogAudit::read_inbound(Partition partition, const std::vector<RecordPtr>& records) {
  for (const RecordPtr& record : records) {
    commands_[partition].asked.push_back(record->offset.value());
    const auto command = event_store::decode_command(*record);
    if (!command) {
      report_.violate("inbound holds what no gateway may write: " + command.error().message);
      continue;
    }
    if (const auto* cancel = std::get_if<CancelRun>(&command->data))
      users_[command->user_id].cancels.insert(cancel->run_id.value().to_string());
  }
}

void LogAudit::read_events(Partition partition, const std::vector<RecordPtr>& records) {
  OwnershipModel model;
  event_store::Position position;
  event_store::InboundResume resume;
  for (const RecordPtr& record : records) {
    const Verdict verdict = model.judge(*record);
    const auto judged = event_store::fold(position, *record);
    event_store::fold_resume(resume, position, judged, *record);
    std::string difference = model.difference(position);
    if (judged.verdict != verdict)
      difference += " verdict " + std::string(event_store::to_text(verdict)) + ", not " +
                    std::string(event_store::to_text(judged.verdict));
    if (resume.next.value() != model.resume())
      difference += " resume " + std::to_string(model.resume());
    if (!difference.empty()) report_.violate(at(partition, record->offset) + ":" + difference);
    report_.count("verdict " + std::string(event_store::to_text(verdict)));
    if (verdict == Verdict::corrupt || verdict == Verdict::malformed)
      report_.violate(at(partition, record->offset) + " is " +
                      std::string(event_store::to_text(verdict)));
    if (verdict == Verdict::valid) take(partition, record);
  }
}

void LogAudit::take(Partition partition, const RecordPtr& record) {
  const auto event = event_store::decode_event(*record);
  if (!event)
    return report_.violate(at(partition, record->offset) +
                           " cannot be read: " + event.error().message);
  const std::string place = at(partition, record->offset);
  User& user = users_[event->user_id];
  user.events.push_back(record);
  if (event->seq.value() != static_cast<std::int64_t>(user.events.size()))
    report_.violate(place + " has seq " + std::to_string(event->seq.value()) + " where " +
                    std::to_string(user.events.size()) + " is next");
  const std::string_view name = event_store::event_name(event->data);
  report_.count("event " + std::string(name));
  if (is_outcome(name)) commands_[partition].answered.push_back(event->inbound_offset.value());
  if (const auto* received = std::get_if<MessageReceived>(&event->data))
    user.received[received->message_id.value()].push_back(event->seq.value());
  if (const auto* rejected = std::get_if<MessageRejected>(&event->data);
      rejected && rejected->message_id)
    user.rejected.insert(rejected->message_id->value());
  if (const auto* call = std::get_if<ToolExecuting>(&event->data)) ++stated_calls_[call->call_id];
  if (!event->run_id) return;
  if (name == "message_received") {
    if (ended_.contains(*event->run_id) || !open_.insert(*event->run_id).second)
      report_.violate(place + ": a run begins that has begun before");
  } else if (!is_outcome(name) && !open_.contains(*event->run_id)) {
    report_.violate(place + ": " + std::string(name) + " of a run that is not open");
  }
  if (!is_terminal(event->data)) return;
  open_.erase(*event->run_id);
  ended_.insert(*event->run_id);
}

bool LogAudit::is_settled() const {
  for (const auto& [partition, commands] : commands_)
    if (commands.answered.size() < commands.asked.size()) return false;
  return open_.empty();
}

std::int64_t LogAudit::events_of(const UserId& user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? 0 : static_cast<std::int64_t>(found->second.events.size());
}

void LogAudit::check_commands() {
  for (const auto& [partition, commands] : commands_)
    if (commands.answered != commands.asked)
      report_.violate("inbound " + std::to_string(partition.value()) + ": " +
                      std::to_string(commands.asked.size()) + " commands were not answered once " +
                      "and in their order, but " + std::to_string(commands.answered.size()) +
                      " times");
  for (const RunId& run : open_) report_.violate("run " + run.value().to_string() + " never ended");
}

void LogAudit::check_client(const SimulatedClient& client) {
  const User& user = users_[client.user()];
  check_history(client, user);
  check_sends(client, user);
}

void LogAudit::check_history(const SimulatedClient& client, const User& user) {
  const auto& history = client.history();
  if (history.size() != user.events.size())
    report_.violate(client.name() + " has " + std::to_string(history.size()) + " events of " +
                    std::to_string(user.events.size()));
  for (std::size_t i = 0; i < std::min(history.size(), user.events.size()); ++i)
    if (!shows(history[i].frame, *user.events[i]))
      return report_.violate(client.name() + " has another event " + std::to_string(i + 1) +
                             " than the log: " + history[i].frame + " for " +
                             user.events[i]->value);
}

void LogAudit::check_sends(const SimulatedClient& client, const User& user) {
  std::int64_t seq_before = 0;
  int acknowledged_before = 0;
  for (const Said& said : client.said()) {
    const auto received = user.received.find(said.message_id.value());
    const std::size_t times = received == user.received.end() ? 0 : received->second.size();
    const std::string message = client.name() + ": message " + said.message_id.value();
    if (times > 1) report_.violate(message + " was received " + std::to_string(times) + " times");
    if (said.acknowledged == 0) continue;
    if (times == 0 && !user.rejected.contains(said.message_id.value()))
      report_.violate(message + " was acknowledged and is lost");
    if (times == 0) continue;
    const std::int64_t seq = received->second.front();
    if (acknowledged_before > 0 && acknowledged_before < said.first_said && seq < seq_before)
      report_.violate(message + " overtook one that was acknowledged before it was said");
    seq_before = seq;
    acknowledged_before = said.acknowledged;
  }
  for (const std::string& run : client.acknowledged_cancels())
    if (!user.cancels.contains(run))
      report_.violate(client.name() + ": the cancel of run " + run +
                      " was acknowledged and is lost");
}

void LogAudit::check_calls(const std::map<CallId, int>& calls) {
  for (const auto& [call, times] : calls) {
    if (times > 1) report_.count("tool called again");
    const auto stated = stated_calls_.find(call);
    if (times > (stated == stated_calls_.end() ? 0 : stated->second))
      report_.violate("a tool was called " + std::to_string(times) +
                      " times, more often than the log says it might be");
  }
}

}  // namespace signalbox::simulation
