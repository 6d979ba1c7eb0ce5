#include "tests/simulation/log_audit.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/validity_fold.hpp"
#include "tests/simulation/event_name.hpp"

namespace signalbox::simulation {
namespace {

using event_store::Verdict;

std::string at(Partition partition, Offset offset) {
  return "events " + std::to_string(partition.value()) + " offset " +
         std::to_string(offset.value());
}

// As frames have it, but for the cursor.
nlohmann::json shown(const Record& event) {
  nlohmann::json told;
  const auto tell = [&](const char* name, const char* header) {
    if (const auto text = event.header(header)) told[name] = std::string(*text);
  };
  const std::string type(name_of(event));
  told["type"] = type;
  told["seq"] = event_store::header_number(event, "ce_userseq").value_or(0);
  tell("time", "ce_time");
  tell("user_id", "ce_subject");
  tell("thread_id", "ce_threadid");
  tell("run_id", "ce_runid");
  tell("websocket_client_id", "ce_wsclientid");
  if (const auto attempt = event_store::header_number(event, "ce_attempt"))
    told["attempt"] = *attempt;
  auto data = nlohmann::json::parse(event.value);
  std::erase_if(data.get_ref<nlohmann::json::object_t&>(),
                [&](const auto& member) { return !event_store::is_on_wire(type, member.first); });
  told["data"] = std::move(data);
  return told;
}

}  // namespace

bool shows(const std::string& frame, const Record& event) {
  auto told = nlohmann::json::parse(frame);
  told.erase("cursor");
  return told == shown(event);
}

bool LogAudit::PartitionCommands::may_be_poison(Offset offset, std::int32_t poison_count) const {
  const auto found = tried.find(offset.value());
  return found != tried.end() && found->second >= poison_count - 1;
}

LogAudit::LogAudit(const test_support::SimulatedEventLog& log, AuditOptions options,
                   RunReport& report)
    : options_(std::move(options)), report_(report) {
  for (std::int32_t i = 0; i < options_.partitions; ++i) {
    read_inbound(Partition(i), log.records({Topic::inbound, Partition(i)}));
    read_events(Partition(i), log.records({Topic::events, Partition(i)}));
    read_quarantine(Partition(i), log.records({Topic::quarantine, Partition(i)}));
  }
}

void LogAudit::read_inbound(Partition partition, const std::vector<RecordPtr>& records) {
  PartitionCommands& commands = commands_[partition];
  for (const RecordPtr& record : records) {
    const auto unusable = options_.unusable.find({partition, record->offset});
    if (unusable != options_.unusable.end())
      commands.unusable.insert(
          event_store::quarantine_id_of(record->at, record->offset).to_string());
    if (unusable == options_.unusable.end() || unusable->second)
      commands.asked.push_back(record->offset.value());
    if (unusable != options_.unusable.end()) continue;
    const auto command = event_store::decode_command(*record);
    if (!command) {
      report_.violate("inbound holds what no gateway may write: " + command.error().message);
      continue;
    }
    commands.usable.emplace(record->offset.value(), *command);
    User& user = users_[command->user_id];
    if (const auto* message = std::get_if<UserMessage>(&command->data)) {
      user.asked.emplace(message->message_id.value(), record->offset.value());
      user.messages.push_back(*message);
    }
    if (const auto* cancel = std::get_if<CancelRun>(&command->data))
      user.cancels.insert(cancel->run_id.value().to_string());
    if (const auto* input = std::get_if<RunInput>(&command->data))
      user.answers.insert(input->request_id.value());
  }
}

void LogAudit::read_quarantine(Partition partition, const std::vector<RecordPtr>& records) {
  PartitionCommands& commands = commands_[partition];
  for (const RecordPtr& record : records) {
    const auto quarantined = event_store::decode_quarantined(*record);
    if (!quarantined) {
      report_.violate("quarantine holds what nobody can read");
      continue;
    }
    // Given up by an owner that was lost before it could say so: one after it may have decided it.
    const bool is_given_up =
        quarantined->reason == "poison" &&
        commands.may_be_poison(quarantined->origin_offset, options_.poison_count);
    if (!is_given_up || commands.unusable.contains(quarantined->id))
      commands.quarantined.insert(quarantined->id);
  }
}

void LogAudit::read_events(Partition partition, const std::vector<RecordPtr>& records) {
  OwnershipFold model;
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
    if (judged.control && (verdict == Verdict::control || verdict == Verdict::repeat))
      if (const auto* checkpoint = std::get_if<PartitionCheckpoint>(&*judged.control);
          checkpoint != nullptr && checkpoint->trying)
        commands_[partition].tried[checkpoint->trying->offset.value()] = checkpoint->trying->count;
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
  if (event->time < user.last_time) report_.violate(place + ": the time of its user went back");
  user.last_time = event->time;
  const std::string_view name = event_store::event_name(event->data);
  report_.count("event " + std::string(name));
  if (is_outcome(name)) take_outcome(place, partition, *event, user);
  user.outcomes.take(*event);
  if (const auto* call = std::get_if<ToolExecuting>(&event->data)) ++stated_calls_[call->call_id];
  if (!user.runs) user.runs.emplace(options_.runs);
  if (const std::string wrong = user.runs->take(*event); !wrong.empty())
    report_.violate(place + ": " + wrong);
  take_run_event(place, *event);
  if (is_terminal(event->data)) last_end_ = std::max(last_end_, record->appended_at);
}

void LogAudit::take_outcome(const std::string& place, Partition partition, const Event& event,
                            User& user) {
  PartitionCommands& commands = commands_[partition];
  commands.answered.push_back(event.inbound_offset.value());
  if (const auto* received = std::get_if<MessageReceived>(&event.data))
    user.received[received->message_id.value()].push_back(event.seq.value());
  const auto* rejected = std::get_if<MessageRejected>(&event.data);
  if (rejected != nullptr) report_.count("rejected " + std::string(to_text(rejected->code)));
  const bool is_poison = rejected != nullptr && rejected->code == RejectCode::poison;
  const auto command = commands.usable.find(event.inbound_offset.value());
  if (command == commands.usable.end()) {
    if (rejected == nullptr || (!is_poison && rejected->code != RejectCode::malformed))
      report_.violate(place + ": an outcome of what nobody can act on");
  } else if (!is_poison) {
    if (const std::string wrong = user.outcomes.judge(command->second, event); !wrong.empty())
      report_.violate(place + ": " + wrong);
  }
  if (!is_poison) return;
  // By its place: nothing of a poisoned record is read, and so its message id is not told.
  if (command != commands.usable.end())
    if (const auto* message = std::get_if<UserMessage>(&command->second.data))
      user.rejected.insert(message->message_id.value());
  if (!commands.may_be_poison(event.inbound_offset, options_.poison_count))
    report_.violate(place + ": a record was given up too soon");
  commands.unusable.insert(
      event_store::quarantine_id_of({Topic::inbound, partition}, event.inbound_offset).to_string());
}

void LogAudit::take_run_event(const std::string& place, const Event& event) {
  if (!event.run_id) return;
  const std::string_view name = event_store::event_name(event.data);
  if (name == "message_received") {
    open_.insert(*event.run_id);
  } else if (!is_outcome(name) && !open_.contains(*event.run_id)) {
    report_.violate(place + ": " + std::string(name) + " of a run that is not open");
  }
  if (const auto* failed = std::get_if<AgentFailed>(&event.data))
    report_.count("failed " + std::string(to_text(failed->code)));
  if (!is_terminal(event.data)) return;
  open_.erase(*event.run_id);
}

bool LogAudit::is_settled() const {
  for (const auto& [partition, commands] : commands_)
    if (commands.answered.size() < commands.asked.size() ||
        commands.quarantined.size() < commands.unusable.size())
      return false;
  return open_.empty();
}

std::int64_t LogAudit::events_of(const UserId& user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? 0 : static_cast<std::int64_t>(found->second.events.size());
}

void LogAudit::check_commands() {
  for (const auto& [partition, commands] : commands_)
    if (commands.quarantined != commands.unusable)
      report_.violate("quarantine " + std::to_string(partition.value()) + " holds " +
                      std::to_string(commands.quarantined.size()) + " commands, and " +
                      std::to_string(commands.unusable.size()) + " cannot be acted on");
  for (const auto& [partition, commands] : commands_)
    if (commands.answered != commands.asked)
      report_.violate("inbound " + std::to_string(partition.value()) + ": " +
                      std::to_string(commands.asked.size()) + " commands were not answered once " +
                      "and in their order, but " + std::to_string(commands.answered.size()) +
                      " times");
  for (const RunId& run : open_) report_.violate("run " + run.value().to_string() + " never ended");
}

void LogAudit::check_sent(const std::vector<ClientAccount>& clients) {
  for (const auto& [id, user] : users_) {
    std::map<std::string, const Said*> said;
    std::set<std::string> cancels;
    std::set<std::string> answers;
    for (const ClientAccount& client : clients) {
      if (client.user != id) continue;
      for (const Said& one : client.said) said.emplace(one.message_id.value(), &one);
      cancels.insert(client.sent_cancels.begin(), client.sent_cancels.end());
      answers.insert(client.sent_answers.begin(), client.sent_answers.end());
    }
    for (const UserMessage& message : user.messages) {
      const auto one = said.find(message.message_id.value());
      if (one == said.end() || one->second->content != message.content ||
          one->second->thread != message.thread_id.value() || one->second->agent != message.agent)
        report_.violate("inbound has message " + message.message_id.value() +
                        ", which nobody said so");
    }
    if (!std::ranges::includes(cancels, user.cancels) ||
        !std::ranges::includes(answers, user.answers))
      report_.violate("inbound has a cancel or an answer that nobody sent");
  }
}

void LogAudit::check_client(const ClientAccount& client) {
  const User& user = users_[client.user];
  check_history(client, user);
  check_sends(client, user);
  check_order(client, user);
}

void LogAudit::check_history(const ClientAccount& client, const User& user) {
  const auto& history = client.history;
  if (history.size() != user.events.size())
    report_.violate(client.name + " has " + std::to_string(history.size()) + " events of " +
                    std::to_string(user.events.size()));
  for (std::size_t i = 0; i < std::min(history.size(), user.events.size()); ++i)
    if (!shows(history[i].frame, *user.events[i]))
      return report_.violate(client.name + " has another event " + std::to_string(i + 1) +
                             " than the log: " + history[i].frame + " for " +
                             user.events[i]->value);
  if (!client.seen_beyond.empty())
    report_.violate(client.name + " was shown event " +
                    std::to_string(client.seen_beyond.front().seq) +
                    ", which did not come again when it was asked for");
}

void LogAudit::check_sends(const ClientAccount& client, const User& user) {
  for (const Said& said : client.said) {
    const auto received = user.received.find(said.message_id.value());
    const std::size_t times = received == user.received.end() ? 0 : received->second.size();
    const std::string message = client.name + ": message " + said.message_id.value();
    if (times > 1) report_.violate(message + " was received " + std::to_string(times) + " times");
    if (said.acknowledged == 0) continue;
    if (times == 0 && !user.rejected.contains(said.message_id.value()))
      report_.violate(message + " was acknowledged and is lost");
  }
  for (const std::string& run : client.acknowledged_cancels)
    if (!user.cancels.contains(run))
      report_.violate(client.name + ": the cancel of run " + run + " was acknowledged and is lost");
  for (const std::string& request : client.acknowledged_answers)
    if (!user.answers.contains(request))
      report_.violate(client.name + ": the answer to " + request + " was acknowledged and is lost");
}

// What was acknowledged before another message was first said stands before it.
void LogAudit::check_order(const ClientAccount& client, const User& user) {
  const auto seq_of = [&](const Said& said) -> std::optional<std::int64_t> {
    const auto received = user.received.find(said.message_id.value());
    // One that was rejected may come in later, by a copy of it.
    if (received == user.received.end() || user.rejected.contains(said.message_id.value()))
      return std::nullopt;
    return received->second.front();
  };
  for (const Said& later : client.said)
    for (const Said& before : client.said) {
      if (before.acknowledged == 0 || before.acknowledged >= later.first_said) continue;
      const auto asked = user.asked.find(later.message_id.value());
      const auto asked_before = user.asked.find(before.message_id.value());
      const bool overtook = asked != user.asked.end() && asked_before != user.asked.end() &&
                            asked->second < asked_before->second;
      if (overtook || (seq_of(later) && seq_of(before) && seq_of(later) < seq_of(before)))
        report_.violate(client.name + ": message " + later.message_id.value() + " overtook " +
                        before.message_id.value() + ", acknowledged before it was said");
    }
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
