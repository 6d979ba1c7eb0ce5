// A user emitter without a context: only create_user_emitter makes one, from a full context.
// expect: no matching function for call to '.*UserEmitter::UserEmitter\(\)'|use of deleted function
#include "router/user_emitter.hpp"

using namespace signalbox;

router::UserEmitter make(const UserExecutionContext& context,
                         std::weak_ptr<const router::TermGate> gate) {
#ifdef SIGNALBOX_BROKEN
  (void)context;
  (void)gate;
  return router::UserEmitter();
#else
  return router::create_user_emitter(context, std::move(gate));
#endif
}
