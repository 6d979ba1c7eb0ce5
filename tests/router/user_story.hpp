// UserStory: one user's life on the pure core alone: commands are decided, statements become events
// and are applied, without a log. Tests read like what happened.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "event-store/contract/identity.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

class UserStory {
 public:
  explicit UserStory(Rules rules = default_rules()) : rules_(std::move(rules)) {}

  static Rules default_rules() {
    Rules rules;
    rules.agents = {"assistant", "ask"};
    return rules;
  }

  // ---- commands; each returns the events that followed
  std::vector<EventData> says(const std::string& message, const std::string& thread = "t",
                              const std::string& content = "hello",
                              std::optional<std::string> agent = std::nullopt) {
    return take(UserMessage{MessageId(message), ThreadId(thread), content, std::move(agent)});
  }
  std::vector<EventData> cancels(const std::string& message) {
    return take(CancelRun{run_of(message)});
  }
  std::vector<EventData> answers(const std::string& message, const std::string& request,
                                 const std::string& json) {
    return take(RunInput{run_of(message), RequestId(request), JsonText(json)});
  }
  std::vector<EventData> take(CommandData data) {
    const Command command{.id = "command-" + std::to_string(inbound_),
                          .source = "/test",
                          .time = now_,
                          .user_id = user_,
                          .websocket_client_id = WebsocketClientId("ws_test"),
                          .traceparent = std::nullopt,
                          .data = std::move(data)};
    return state_all(decide(state_, command, {Offset(inbound_++)}, rules_));
  }

  // ---- what the owner does
  std::vector<EventData> starts_what_may(std::size_t starts_max = 1000) {
    return state_all(decide_starts(
        state_, rules_, [](const std::string&) { return "1"; }, starts_max));
  }
  std::vector<EventData> is_taken_over(ResumeReason reason) {
    return state_all(decide_resumption(state_, reason, rules_.limits));
  }
  void run_states(const std::string& message, EventData data) {
    state_all({statement_of(state_.runs.at(run_of(message)), std::move(data))});
  }

  [[nodiscard]] RunId run_of(const std::string& message) const {
    return event_store::run_id_of(user_, MessageId(message));
  }
  [[nodiscard]] const RoutingState& state() const { return state_; }
  [[nodiscard]] RoutingState& state() { return state_; }
  [[nodiscard]] const OpenRun& run(const std::string& message) const {
    return state_.runs.at(run_of(message));
  }
  [[nodiscard]] bool is_open(const std::string& message) const {
    return state_.runs.contains(run_of(message));
  }
  void passes(std::chrono::microseconds time) { now_ += time; }
  [[nodiscard]] const std::vector<Event>& history() const { return history_; }
  [[nodiscard]] const Rules& rules() const { return rules_; }

 private:
  std::vector<EventData> state_all(const std::vector<Statement>& statements) {
    std::vector<EventData> stated;
    for (const Statement& statement : statements) {
      ++state_.chain.seq;
      const Event event{.id = EventId(Uuid{}),
                        .source = "/test",
                        .time = now_,
                        .user_id = user_,
                        .thread_id = statement.thread_id,
                        .run_id = statement.run_id,
                        .attempt = statement.attempt,
                        .websocket_client_id = statement.websocket_client_id,
                        .seq = state_.chain.seq,
                        .inbound_offset = statement.inbound_offset,
                        .epoch = Epoch(1),
                        .owner_seq = OwnerSeq(state_.chain.seq.value()),
                        .causation_id = statement.causation_id,
                        .traceparent = statement.traceparent,
                        .data = statement.data};
      apply(state_, event, rules_.limits);
      history_.push_back(event);
      stated.push_back(statement.data);
    }
    return stated;
  }

  UserId user_{"105945141827451681156"};
  Rules rules_;
  RoutingState state_{user_, event_store::start_of_chain(LogId(Uuid{}), user_)};
  Timestamp now_ = Timestamp(std::chrono::seconds(1'760'000'000));
  std::int64_t inbound_ = 0;
  std::vector<Event> history_;
};

template <class T>
[[nodiscard]] bool is(const EventData& data) {
  return std::holds_alternative<T>(data);
}

}  // namespace signalbox::router
