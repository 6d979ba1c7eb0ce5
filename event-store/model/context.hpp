// Who and what a piece of work is for. A supervisor or an emitter is made only from one of these;
// the ids have no default value, so an incomplete context does not compile (tests/compile_fail).
#pragma once

#include "event-store/model/ids.hpp"

namespace signalbox {

// One execution of an agent for one message.
struct UserExecutionContext {
  UserId user_id;
  ThreadId thread_id;
  RunId run_id;
  WebsocketClientId websocket_client_id;  // the socket the message came from

  friend bool operator==(const UserExecutionContext&, const UserExecutionContext&) = default;
};

// One socket of one user: all that is known of it before anybody speaks, and all that the records
// of the topic connections are about. A socket has no thread and no run.
struct ConnectionContext {
  UserId user_id;
  WebsocketClientId websocket_client_id;

  friend bool operator==(const ConnectionContext&, const ConnectionContext&) = default;
};

}  // namespace signalbox
