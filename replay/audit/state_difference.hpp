// What changed of a user between two instants, path by path. Pure.
#pragma once

#include <string>

#include "replay/known_state.hpp"

namespace signalbox::replay {

// [{"path":"runs.<id>.status","before":"running","after":"completed"}, ...]: members of the state
// first, then threads.<thread_id>, runs.<run_id>, runs.<run_id>.steps.<step> and
// pending_questions.<request_id>, each as `signalbox replay state --json` shows it. What one side
// does not have is null there, and stands as a whole on the other.
[[nodiscard]] std::string state_differences(const KnownState& before, const KnownState& after);

}  // namespace signalbox::replay
