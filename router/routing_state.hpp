// RoutingState: all that is known of one user, as the fold of his valid events, and the two pure
// functions everything rests on: decide (what follows from a command) and apply (what an event
// changes). No I/O, no clock, no randomness: the same events always give the same state, in a
// router, a replay or a simulation. Thread: a value; belongs to its partition's worker.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "event-store/log/user_chain.hpp"
#include "event-store/model/command.hpp"
#include "event-store/model/context.hpp"
#include "event-store/model/event.hpp"

namespace signalbox::router {

// The format of a folded user and of his snapshot. Raised whenever apply() changes what it makes of
// the same events; snapshots of another version are ignored and folded anew (contract 9).
inline constexpr int kFoldVersion = 3;

// Limits of contract 11 that the owner applies.
struct RoutingLimits {
  std::size_t dedupe_window = 1024;       // message ids remembered per user
  std::size_t queue_per_thread = 16;      // runs behind the one that runs: then queue_full
  std::size_t runs_per_user = 8;          // running at once; further ones wait
  std::size_t waiting_per_user = 128;     // runs waiting for input or a turn: then queue_full
  std::size_t threads_with_memory = 256;  // newest threads whose memory is kept
  std::int32_t tries_max = 5;             // owner_lost resumes since the last recorded step
};

// A text that a snapshot may replace by its place in the log: `offset` is that of the event which
// carried it, known once the event was read back. Not loaded: `text` is empty until it was read
// again.
enum class TextPart { main, schema };  // of an event that carries two
struct StoredText {
  std::string text;
  Seq seq;
  TextPart part = TextPart::main;
  std::optional<Offset> offset{};
  bool loaded = true;
  friend bool operator==(const StoredText&, const StoredText&) = default;
};

// ---- what a run has recorded, by step number from 1
struct RecordedThought {
  StoredText content;
  friend bool operator==(const RecordedThought&, const RecordedThought&) = default;
};
struct RecordedModel {
  std::string model;
  std::string request_sha256;
  StoredText output;
  friend bool operator==(const RecordedModel&, const RecordedModel&) = default;
};
struct RecordedCall {
  CallId call_id;
  std::string name;
  StoredText arguments;
  std::optional<StoredText> result{};  // JSON
  std::optional<ToolError> error{};    // at most one of result and error; none: in flight
  friend bool operator==(const RecordedCall&, const RecordedCall&) = default;
};
struct RecordedQuestion {
  RequestId request_id;
  StoredText prompt;
  StoredText schema;  // JSON Schema
  Timestamp expires;
  std::optional<StoredText> answer{};  // JSON
  friend bool operator==(const RecordedQuestion&, const RecordedQuestion&) = default;
};
using RecordedStep = std::variant<RecordedThought, RecordedModel, RecordedCall, RecordedQuestion>;

enum class RunPhase { queued, running, waiting_for_input };

// A run that has been received and has not ended.
struct OpenRun {
  RunId run_id;
  ThreadId thread_id;
  MessageId message_id;
  std::string agent;
  StoredText content;
  WebsocketClientId websocket_client_id;  // of the socket the message came from
  Offset inbound_offset;                  // of the message; all events of the run repeat it
  std::string causation_id;               // ce_id of the command
  std::optional<std::string> traceparent{};
  RunPhase phase = RunPhase::queued;
  Attempt attempt{1};
  std::int32_t tries = 0;  // owner_lost resumes since the last recorded step, none while it waits
  std::vector<RecordedStep> steps{};
  std::optional<Timestamp> started_at{};  // ce_time of agent_started
  std::optional<Timestamp> last_event_at{};
  std::optional<Timestamp> waiting_since{};  // ce_time of the input_requested that is open
  // In all: waiting for input, and from the last event of an owner to run_resumed of the next one.
  std::chrono::microseconds stood_still{0};
  std::optional<std::string> cancelled_by{};
  friend bool operator==(const OpenRun&, const OpenRun&) = default;
};

// A message id that was received, with what tells a repeat from a conflict.
struct SeenMessage {
  std::array<std::uint8_t, 16> content_hash;  // of SHA-256(lp(thread) || lp(content) || lp(agent))
  RunId run_id;
  friend bool operator==(const SeenMessage&, const SeenMessage&) = default;
};

struct ThreadMemory {
  std::string memory;
  Seq last_used;  // seq of the agent_completed that left it
  friend bool operator==(const ThreadMemory&, const ThreadMemory&) = default;
};

struct RoutingState {
  explicit RoutingState(UserId id, event_store::UserChain start)
      : user_id(std::move(id)), chain(start) {}

  UserId user_id;
  event_store::UserChain chain;  // seq and hash of his newest valid event
  Timestamp last_time{};         // ce_time never decreases for a user
  Offset last_inbound{-1};       // newest inbound record of his that has an event
  std::unordered_map<MessageId, SeenMessage> seen{};
  std::deque<MessageId> seen_order{};  // oldest first
  std::map<RunId, OpenRun> runs{};
  std::map<ThreadId, std::deque<RunId>> threads{};  // open runs in the order of their messages
  std::map<ThreadId, ThreadMemory> memories{};
  std::optional<Offset> damaged_at{};  // frozen from there on: the chain goes on, nothing else does

  friend bool operator==(const RoutingState&, const RoutingState&);
};

// What the owner is about to state: an event without the parts that only stating gives it (seq,
// owner seq, epoch, ids, time).
struct Statement {
  EventData data;
  std::optional<ThreadId> thread_id;
  std::optional<RunId> run_id;
  std::optional<Attempt> attempt;
  WebsocketClientId websocket_client_id;
  Offset inbound_offset;
  std::string causation_id;
  std::optional<std::string> traceparent;
};

// What a decision may depend on besides the state.
struct Rules {
  RoutingLimits limits{};
  std::vector<std::string> agents{};  // names this router has
  std::string default_agent = "assistant";
};

// Where a command was read.
struct CommandPlace {
  Offset inbound_offset;
};

// The outcome event of a command first, then what follows from it at once.
[[nodiscard]] std::vector<Statement> decide(const RoutingState& state, const Command& command,
                                            CommandPlace place, const Rules& rules);

// A record that names the user and cannot be acted on: its one outcome.
struct Refusal {
  RejectCode code;
  std::string message;
  std::optional<MessageId> message_id;
  std::string causation_id;
  std::optional<WebsocketClientId> websocket_client_id;
};
[[nodiscard]] Statement decide_refusal(const Refusal& refusal, CommandPlace place);

// agent_started for the runs whose turn has come, oldest message first; at most `starts_max`.
// `agent_version` names the version of an agent this router has.
using AgentVersion = std::function<std::string(const std::string& agent)>;
[[nodiscard]] std::vector<Statement> decide_starts(const RoutingState& state, const Rules& rules,
                                                   const AgentVersion& agent_version,
                                                   std::size_t starts_max);

// What a new owner states about the runs it finds open (ownership rule 12): run_resumed for started
// ones, agent_failed where the attempts are used up, agent_cancelled where a cancel was asked for.
[[nodiscard]] std::vector<Statement> decide_resumption(const RoutingState& state,
                                                       ResumeReason reason,
                                                       const RoutingLimits& limits);

// A fact about a run of this user. Once a cancel was answered, whatever ends the run is
// agent_cancelled (contract 5).
[[nodiscard]] Statement statement_of(const OpenRun& run, EventData data);

// Changes the state by one event. The chain is followed separately: it is over stored bytes.
void apply(RoutingState& state, const Event& event, const RoutingLimits& limits);

// Damage (contract 8): from here on only the chain goes on; his runs stop without an event.
void freeze(RoutingState& state, Offset damaged_at);

// Once an event was read back: where the texts it carried can be read again.
void note_offset(RoutingState& state, const RunId& run, Seq seq, Offset offset);

// The text that apply() would keep of this event, if any.
[[nodiscard]] std::optional<std::string> text_in(const EventData& data,
                                                 TextPart part = TextPart::main);

// What tells a repeated message from another one under the same id (contract 6).
[[nodiscard]] std::array<std::uint8_t, 16> content_hash_of(const ThreadId& thread,
                                                           std::string_view content,
                                                           std::string_view agent);

// Calls visit(StoredText&) for every text of a run that a snapshot may leave in the log.
template <class Run, class Visit>
void for_each_text(Run& run, Visit&& visit) {
  visit(run.content);
  for (auto& step : run.steps) {
    if (auto* thought = std::get_if<RecordedThought>(&step)) visit(thought->content);
    if (auto* model = std::get_if<RecordedModel>(&step)) visit(model->output);
    if (auto* call = std::get_if<RecordedCall>(&step)) {
      visit(call->arguments);
      if (call->result) visit(*call->result);
    }
    if (auto* question = std::get_if<RecordedQuestion>(&step)) {
      visit(question->prompt);
      visit(question->schema);
      if (question->answer) visit(*question->answer);
    }
  }
}

// How much of its deadline a run has used up to its last event (contract 11).
[[nodiscard]] std::chrono::microseconds time_used(const OpenRun& run);

// Runs in phase running.
[[nodiscard]] std::size_t running_count(const RoutingState& state);

}  // namespace signalbox::router
