// The user's id where the thread's belongs.
// expect: could not convert 'user' from .*UserIdTag>' to .*ThreadIdTag>'
#include "event-store/model/context.hpp"

using namespace signalbox;

UserExecutionContext make(const Uuid& run, const UserId& user, const ThreadId& thread) {
#ifdef SIGNALBOX_BROKEN
  (void)thread;
  return UserExecutionContext{user, user, RunId(run), WebsocketClientId("ws_a")};
#else
  return UserExecutionContext{user, thread, RunId(run), WebsocketClientId("ws_a")};
#endif
}
