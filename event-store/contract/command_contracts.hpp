// The data of every command, described (contract 4).
#pragma once

#include "event-store/contract/contract_type.hpp"
#include "event-store/model/command.hpp"

namespace signalbox::event_store {

// Gateways judge the configured limit of `content`; this one only keeps a foreign producer's
// message within what an event can hold.
inline constexpr std::size_t kCommandContentBytesMax = 262144;

struct FirstCommand {
  static constexpr ContractKind kind = ContractKind::command;
  static constexpr int version = 1;
  static constexpr std::array<Upcaster, 0> upcasters{};
};

template <>
struct Contract<UserMessage> : FirstCommand {
  static constexpr std::string_view name = "user_message";
  static constexpr std::string_view about = "Asks an agent for an answer.";
  static constexpr auto fields = std::tuple(
      field("message_id", &UserMessage::message_id), field("thread_id", &UserMessage::thread_id),
      field("content", &UserMessage::content, {.bytes_max = kCommandContentBytesMax}),
      field("agent", &UserMessage::agent, JsonForm<MessageId>::kBounds));
};

template <>
struct Contract<CancelRun> : FirstCommand {
  static constexpr std::string_view name = "cancel_run";
  static constexpr std::string_view about = "Asks for the end of a run.";
  static constexpr auto fields = std::tuple(field("run_id", &CancelRun::run_id));
};

template <>
struct Contract<RunInput> : FirstCommand {
  static constexpr std::string_view name = "run_input";
  static constexpr std::string_view about = "Answers an input_requested.";
  static constexpr auto fields =
      std::tuple(field("run_id", &RunInput::run_id), field("request_id", &RunInput::request_id),
                 field("data", &RunInput::data));
};

template <>
struct Contract<ViewHistory> : FirstCommand {
  static constexpr std::string_view name = "view_history";
  static constexpr std::string_view about = "States that somebody looks at a user's history.";
  static constexpr auto fields =
      std::tuple(field("subject", &ViewHistory::subject, JsonForm<UserId>::kBounds),
                 field("query", &ViewHistory::query));
};

}  // namespace signalbox::event_store
