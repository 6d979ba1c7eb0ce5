#include "tests/simulation/outcome_oracle.hpp"

#include <nlohmann/json.hpp>
#include <variant>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::simulation {
namespace {

bool is_same_json(const JsonText& a, const JsonText& b) {
  return nlohmann::json::parse(a.value()) == nlohmann::json::parse(b.value());
}

}  // namespace

const OutcomeOracle::Run* OutcomeOracle::find(const RunId& id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : &found->second;
}

std::string OutcomeOracle::judge(const Command& command, const Event& outcome) const {
  if (const auto* message = std::get_if<UserMessage>(&command.data))
    return judge_message(command, *message, outcome);
  if (const auto* cancel = std::get_if<CancelRun>(&command.data))
    return judge_cancel(*cancel, outcome);
  if (const auto* input = std::get_if<RunInput>(&command.data)) return judge_input(*input, outcome);
  return "a command that no client here sends";
}

std::string OutcomeOracle::judge_message(const Command& command, const UserMessage& message,
                                         const Event& outcome) const {
  const RunId run = event_store::run_id_of(command.user_id, message.message_id);
  const bool is_known = find(run) != nullptr;
  if (const auto* duplicate = std::get_if<MessageDuplicate>(&outcome.data))
    return is_known && duplicate->message_id == message.message_id && duplicate->run_id == run
               ? ""
               : "a message is called a duplicate that is none";
  const auto* received = std::get_if<MessageReceived>(&outcome.data);
  if (received == nullptr)
    return "a message has the outcome " + std::string(event_store::event_name(outcome.data));
  if (is_known) return "a message is received that was received before";
  const bool is_it = received->message_id == message.message_id &&
                     received->content == message.content && received->agent == message.agent &&
                     outcome.run_id == run && outcome.thread_id == message.thread_id;
  return is_it ? "" : "a message is received that is not what was sent";
}

std::string OutcomeOracle::judge_cancel(const CancelRun& cancel, const Event& outcome) const {
  const Run* const run = find(cancel.run_id);
  if (const auto* requested = std::get_if<CancelRequested>(&outcome.data))
    return run != nullptr && !run->ended && requested->run_id == cancel.run_id
               ? ""
               : "the cancel of a run that is not open is accepted";
  const auto* rejected = std::get_if<CancelRejected>(&outcome.data);
  if (rejected == nullptr)
    return "a cancel has the outcome " + std::string(event_store::event_name(outcome.data));
  const auto code = run == nullptr ? CancelRejectCode::unknown_run : CancelRejectCode::run_ended;
  const bool is_right = run == nullptr || run->ended;
  return is_right && rejected->code == code && rejected->run_id == cancel.run_id
             ? ""
             : "a cancel is refused as " + std::string(to_text(rejected->code));
}

std::string OutcomeOracle::judge_input(const RunInput& input, const Event& outcome) const {
  const Run* const run = find(input.run_id);
  std::optional<InputRejectCode> expected;
  if (run == nullptr)
    expected = InputRejectCode::unknown_run;
  else if (run->ended)
    expected = InputRejectCode::run_ended;
  else if (run->question != input.request_id)
    expected = InputRejectCode::unknown_request;
  else if (run->answered)
    expected = InputRejectCode::already_answered;
  if (const auto* received = std::get_if<RunInputReceived>(&outcome.data)) {
    if (expected) return "an answer is accepted that is " + std::string(to_text(*expected));
    const bool is_it = received->run_id == input.run_id &&
                       received->request_id == input.request_id &&
                       is_same_json(received->data, input.data);
    return is_it ? "" : "an answer is received that is not what was sent";
  }
  const auto* rejected = std::get_if<RunInputRejected>(&outcome.data);
  if (rejected == nullptr)
    return "an answer has the outcome " + std::string(event_store::event_name(outcome.data));
  return expected == rejected->code && rejected->run_id == input.run_id &&
                 rejected->request_id == input.request_id
             ? ""
             : "an answer is refused as " + std::string(to_text(rejected->code));
}

void OutcomeOracle::take(const Event& event) {
  if (!event.run_id) return;
  if (std::holds_alternative<MessageReceived>(event.data)) {
    runs_.try_emplace(*event.run_id);
    return;
  }
  const auto found = runs_.find(*event.run_id);
  if (found == runs_.end()) return;
  Run& run = found->second;
  if (const auto* asked = std::get_if<InputRequested>(&event.data))
    run.question = asked->request_id;
  if (std::holds_alternative<RunInputReceived>(event.data)) run.answered = true;
  if (is_terminal(event.data)) run.ended = true;
}

}  // namespace signalbox::simulation
