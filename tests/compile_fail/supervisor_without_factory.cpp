// A supervisor made by anybody but the factory.
// expect: Supervisor::Supervisor\(.*\)' is private within this context
#include "router/supervisor.hpp"

using namespace signalbox;

std::unique_ptr<router::Supervisor> make(const router::SupervisorFactory& factory,
                                         router::RunBriefing briefing, router::Agent& agent,
                                         std::weak_ptr<const router::TermGate> gate,
                                         const Clock& clock, Executor& executor) {
#ifdef SIGNALBOX_BROKEN
  (void)factory;
  auto emitter = router::create_user_emitter(briefing.context, std::move(gate));
  return std::unique_ptr<router::Supervisor>(
      new router::Supervisor(std::move(briefing), std::move(emitter), agent, clock, executor, {}));
#else
  (void)clock;
  return factory.create_supervisor(std::move(briefing), agent.name(), std::move(gate), executor);
#endif
}
