// A supervisor's briefing that leaves the context out.
// expect: could not convert .* to 'signalbox::(UserId|ThreadId|RunId|WebsocketClientId)'
#include "router/supervisor.hpp"

using namespace signalbox;

router::RunBriefing make(const UserExecutionContext& context) {
#ifdef SIGNALBOX_BROKEN
  (void)context;
  return router::RunBriefing{.attempt = Attempt(1), .content = "hi", .time_left = {}};
#else
  return router::RunBriefing{.context = context,
                             .attempt = Attempt(1),
                             .content = "hi",
                             .memory = {},
                             .steps = {},
                             .time_left = {}};
#endif
}
