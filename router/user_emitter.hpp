// UserEmitter: how a supervisor states facts about its run. Made only by create_user_emitter, from
// a full context and for one term of one owner; when that term is over it refuses
// (Errc::not_owner), whatever happens later. There is no other way from an agent to a user's log or
// sockets. Thread: the router's.
#pragma once

#include <functional>
#include <memory>

#include "event-store/model/context.hpp"
#include "event-store/model/emitter.hpp"
#include "event-store/model/event.hpp"
#include "event-store/model/progress.hpp"

namespace signalbox::router {

// The door a term opens to its emitters; they hold it weakly, so it closes with the term.
struct TermGate {
  std::function<Result<void>(const UserExecutionContext&, EventData)> state;
  std::function<void(const UserExecutionContext&, Attempt, AgentResponding)> respond;
};

class UserEmitter {
 public:
  using Context = UserExecutionContext;
  using Fact = EventData;

  [[nodiscard]] const UserExecutionContext& context() const { return context_; }
  // Given to the log in the order of the calls; it counts once the supervisor is told so.
  [[nodiscard]] Result<void> emit(EventData fact);
  // A piece of an answer: may be lost, counts for nothing.
  void respond(Attempt attempt, AgentResponding piece);

 private:
  friend UserEmitter create_user_emitter(UserExecutionContext context,
                                         std::weak_ptr<const TermGate> gate);
  UserEmitter(UserExecutionContext context, std::weak_ptr<const TermGate> gate)
      : context_(std::move(context)), gate_(std::move(gate)) {}

  UserExecutionContext context_;
  std::weak_ptr<const TermGate> gate_;
};
static_assert(Emitter<UserEmitter>);

[[nodiscard]] UserEmitter create_user_emitter(UserExecutionContext context,
                                              std::weak_ptr<const TermGate> gate);

}  // namespace signalbox::router
