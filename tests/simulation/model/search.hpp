// Breadth-first search through every state that a scope can reach, by 64-bit fingerprints: a
// counterexample is a shortest one. Memory: about 100 bytes a state of the frontier. One thread.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/model/model.hpp"

namespace signalbox::ownership_model {

struct Outcome {
  std::string fault;               // empty: every state holds
  std::vector<std::string> trace;  // the way to it, in words, and the log then
  U64 states = 0;
  U64 edges = 0;
  int depth = 0;
  bool complete = true;  // not ended by the limit
  Model::Met met;
};

// At most `limit` states, or a few more.
[[nodiscard]] Outcome search(const Rules& rules, const Scope& scope, U64 limit, bool liveness);

}  // namespace signalbox::ownership_model
