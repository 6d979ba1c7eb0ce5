// StreamChecker: what one user must see (contract 5, 11), checked frame by frame. It knows what the
// user sent and which answer and tool calls the recorded dialogue has for it, computes run and call
// ids itself, and names the first thing that is not so. Pure; one thread.
//
// Checked of the stream: seq counts 1, 2, 3 … over all sockets, every event is of this user, has a
// cursor unlike the last, a time that does not go back, and the id of one of the user's sockets.
// Of a message: one message_received with the text that was sent, duplicates only of what was sent
// again, no refusal, the run id of its ack.
// Of a run: started once and before anything else, steps 1, 2, 3 …, the recorded tool calls by
// name, arguments, result and order, attempts that grow with run_resumed alone, pieces of the
// answer where they belong in it, and one terminal event, the recorded answer, with nothing after
// it.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ops/bench/conversations.hpp"

namespace signalbox::bench {

struct Violation {
  std::string name;  // `gap`, `repeat`, `wrong_answer`, ...
  std::string what;  // a sentence with ids, expected and found
};
using Verdict = std::optional<Violation>;

struct OutgoingMessage {
  std::string message_id;
  std::string thread_id;
  std::string agent;
  const Turn* turn;  // outlives the checker
};

class StreamChecker {
 public:
  explicit StreamChecker(std::string user_id) : user_id_(std::move(user_id)) {}

  // A socket of this user got its id.
  void socket_opened(const std::string& client_id) { client_ids_.insert(client_id); }
  // The message goes out, for the first time or again.
  void sending(const OutgoingMessage& message);
  [[nodiscard]] Verdict acked(const std::string& message_id, const std::string& run_id);
  // Any frame with a seq.
  [[nodiscard]] Verdict event(const nlohmann::json& frame);
  // agent_responding.
  [[nodiscard]] Verdict progress(const nlohmann::json& frame);
  // All is over: whatever was acknowledged must have ended.
  [[nodiscard]] Verdict finish() const;

  [[nodiscard]] bool is_acked(const std::string& message_id) const;
  // Its outcome event was seen.
  [[nodiscard]] bool is_received(const std::string& message_id) const;
  [[nodiscard]] bool is_started(const std::string& message_id) const;
  [[nodiscard]] bool is_ended(const std::string& message_id) const;
  [[nodiscard]] std::int64_t last_seq() const { return last_seq_; }
  [[nodiscard]] std::uint64_t runs_ended() const { return runs_ended_; }

 private:
  struct Run {
    OutgoingMessage message;
    std::string run_id;
    int sends = 0;
    int duplicates = 0;
    bool acked = false;
    bool received = false;
    bool started = false;
    bool ended = false;
    std::int64_t attempt = 1;
    std::int64_t last_step = 0;
    std::size_t calls_done = 0;
    std::string open_call{};  // call_id; empty where no tool is at work
  };

  [[nodiscard]] Verdict check_envelope(const nlohmann::json& frame);
  [[nodiscard]] Verdict outcome(const std::string& type, const nlohmann::json& frame);
  [[nodiscard]] Verdict run_event(const std::string& type, const nlohmann::json& frame, Run& run);
  [[nodiscard]] Verdict next_step(const nlohmann::json& data, Run& run) const;
  [[nodiscard]] Verdict tool_executing(const nlohmann::json& data, Run& run) const;
  [[nodiscard]] Verdict tool_completed(const nlohmann::json& data, Run& run) const;
  [[nodiscard]] Verdict completed(const nlohmann::json& data, Run& run);
  [[nodiscard]] Violation violation(std::string name, const std::string& what) const;
  [[nodiscard]] Violation violation(std::string name, const Run& run,
                                    const std::string& what) const;
  [[nodiscard]] const Run* find(const std::string& message_id) const;

  std::string user_id_;
  std::set<std::string> client_ids_;
  std::map<std::string, Run> runs_;  // by message_id; bounded by what the bench sends
  std::map<std::string, std::string> message_of_run_;
  std::int64_t last_seq_ = 0;
  std::string last_cursor_;
  std::string last_time_;
  std::uint64_t runs_ended_ = 0;
};

}  // namespace signalbox::bench
