// A UserExecutionContext that leaves out its last field, the socket.
// expect: could not convert .* to 'signalbox::WebsocketClientId'
#include "event-store/model/context.hpp"

using namespace signalbox;

UserExecutionContext make(const Uuid& run) {
#ifdef SIGNALBOX_BROKEN
  return UserExecutionContext{UserId("u"), ThreadId("t"), RunId(run)};
#else
  return UserExecutionContext{UserId("u"), ThreadId("t"), RunId(run), WebsocketClientId("ws_a")};
#endif
}
