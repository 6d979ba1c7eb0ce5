#include "router/user_emitter.hpp"

namespace signalbox::router {

UserEmitter create_user_emitter(UserExecutionContext context, std::weak_ptr<const TermGate> gate) {
  return UserEmitter(std::move(context), std::move(gate));
}

Result<void> UserEmitter::emit(EventData fact) {
  const auto gate = gate_.lock();
  if (!gate) return failure(Errc::not_owner, "the ownership this emitter belongs to is over");
  return gate->state(context_, std::move(fact));
}

void UserEmitter::respond(Attempt attempt, AgentResponding piece) {
  if (const auto gate = gate_.lock()) gate->respond(context_, attempt, std::move(piece));
}

}  // namespace signalbox::router
