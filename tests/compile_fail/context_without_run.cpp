// A UserExecutionContext that lacks a field: no id has a default value.
// expect: could not convert .* to 'signalbox::RunId'
#include "event-store/model/context.hpp"

using namespace signalbox;

UserExecutionContext make(const Uuid& run) {
#ifdef SIGNALBOX_BROKEN
  (void)run;
  return UserExecutionContext{UserId("u"), ThreadId("t"), {}, WebsocketClientId("ws_a")};
#else
  return UserExecutionContext{UserId("u"), ThreadId("t"), RunId(run), WebsocketClientId("ws_a")};
#endif
}
