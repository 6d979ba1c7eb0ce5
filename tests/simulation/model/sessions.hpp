// The producers of a world: what each has in flight lands in its order.
#pragma once

#include <algorithm>
#include <iterator>

#include "tests/simulation/model/protocol.hpp"

namespace signalbox::ownership_model {

// Its own, or a free one for it; null: there is none.
inline Session* session_of(State& state, int router) {
  for (Session& one : state.sessions)
    if (one.count != 0 && one.router == router) return &one;
  for (Session& one : state.sessions)
    if (one.count == 0) {
      one.router = U8(router);
      return &one;
    }
  return nullptr;
}

inline bool has_free_session(const State& state) {
  return std::any_of(std::begin(state.sessions), std::end(state.sessions),
                     [](const Session& one) { return one.count == 0; });
}

// The router's producer is gone; what it had in flight may still land.
inline void orphan(State& state, int router) {
  for (Session& one : state.sessions)
    if (one.count != 0 && one.router == router) one.router = kOrphan;
}

// Its first append leaves the session.
inline void drop_first(State& state, int session) {
  Session& one = state.sessions[session];
  for (int i = 1; i < one.count; i++) one.queue[i - 1] = one.queue[i];
  one.queue[--one.count] = LogRecord{};
  if (one.count == 0) one = Session{};
}

}  // namespace signalbox::ownership_model
