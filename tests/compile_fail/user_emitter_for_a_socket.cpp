// A socket's context does not speak for a run.
// expect: could not convert .*ConnectionContext.*UserExecutionContext
#include "router/user_emitter.hpp"

using namespace signalbox;

router::UserEmitter make(const UserExecutionContext& context,
                         std::weak_ptr<const router::TermGate> gate) {
#ifdef SIGNALBOX_BROKEN
  const ConnectionContext socket{context.user_id, context.websocket_client_id};
  return router::create_user_emitter(socket, std::move(gate));
#else
  return router::create_user_emitter(context, std::move(gate));
#endif
}
