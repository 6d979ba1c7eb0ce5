// OutcomeOracle: which outcome each command of one user must have (contract 4), told from what the
// command asks and from the user's valid events before the outcome, in their order. What a router
// gives up as poison is no matter of this. A value; one thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "event-store/model/command.hpp"
#include "event-store/model/event.hpp"

namespace signalbox::simulation {

class OutcomeOracle {
 public:
  // What is wrong with the outcome, as a sentence; empty where nothing is. Before take() of it.
  [[nodiscard]] std::string judge(const Command& command, const Event& outcome) const;
  // The user's next event.
  void take(const Event& event);

 private:
  struct Run {
    bool ended = false;
    std::optional<RequestId> question{};
    bool answered = false;
  };
  [[nodiscard]] std::string judge_message(const Command& command, const UserMessage& message,
                                          const Event& outcome) const;
  [[nodiscard]] std::string judge_cancel(const CancelRun& cancel, const Event& outcome) const;
  [[nodiscard]] std::string judge_input(const RunInput& input, const Event& outcome) const;
  // nullptr: there was none of this id.
  [[nodiscard]] const Run* find(const RunId& id) const;

  std::map<RunId, Run> runs_;
};

}  // namespace signalbox::simulation
