// KnownState: all that was known of one user at an instant, folded from his valid events: what a
// router holds (RoutingState, by the router's own fold) and, beside it, what it forgets: messages,
// and runs that have ended with their steps and answers. Pure. Thread: a value.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event-store/model/event.hpp"
#include "event-store/model/record.hpp"
#include "router/routing_state.hpp"
#include "router/user_fold.hpp"

namespace signalbox::replay {

struct KnownStep {
  Step step;
  std::string kind;                  // thought, model, tool or question
  std::string name{};                // of the tool or model
  std::string text{};                // thought or prompt
  std::optional<JsonText> input{};   // arguments; schema of a question
  std::optional<JsonText> output{};  // result, or the answer to a question
  std::optional<ToolError> error{};
  std::optional<RequestId> request_id{};
};

struct KnownRun {
  RunId run_id;
  ThreadId thread_id;
  MessageId message_id;
  std::string agent;
  std::string content;  // of the message
  WebsocketClientId websocket_client_id;
  Seq received;                   // seq of message_received
  Timestamp received_at;          // 0: not known, of a state that was begun at a snapshot
  std::string status = "queued";  // running, waiting_for_input, completed, failed, cancelled
  Attempt attempt{1};
  std::optional<Timestamp> started_at{};
  std::optional<Timestamp> ended_at{};
  std::string agent_version{};                 // of agent_started
  std::optional<std::string> memory_before{};  // of its thread, when it started
  std::vector<KnownStep> steps{};
  std::optional<std::string> answer{};
  std::optional<std::string> memory_after{};
  std::optional<AgentFailed> failure{};
  std::optional<std::string> ended_because{};  // of one that failed or was cancelled
};

struct KnownState {
  explicit KnownState(const LogId& log, const UserId& user);
  explicit KnownState(router::RoutingState state) : routing(std::move(state)) {}

  router::RoutingState routing;
  std::map<RunId, KnownRun> runs{};
  std::map<ThreadId, std::vector<RunId>> threads{};  // in the order of their messages
  std::optional<RunId> only{};  // of his runs this one alone is kept; none: all
  std::int64_t events = 0;
  std::size_t value_bytes = 0;  // of these events: what the state may have grown to, roughly
  std::optional<std::string> damage{};  // why he is frozen
};

// What is known of a user whose routing state is known: of his runs those that are open, as far as
// a router remembers them.
[[nodiscard]] KnownState known_of(router::RoutingState routing);
// Forgets all runs but those that are open.
void keep_open(KnownState& state);
// Forgets those that have ended, each once `take` has it, in the order of each thread's messages.
// Error: that of `take`, which has had some of them.
[[nodiscard]] Result<void> give_away_ended(
    KnownState& state, const std::function<Result<void>(const KnownRun&)>& take);

// One more valid event of that user. Error unsupported_version: this build cannot fold it.
[[nodiscard]] Result<void> fold_known(KnownState& state, const Record& event);
// The same, for who knows its place in the chain already.
[[nodiscard]] Result<void> fold_known(KnownState& state, const Record& event,
                                      const router::ChainPlace& place);

}  // namespace signalbox::replay
