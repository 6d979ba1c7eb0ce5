// What was known of a user, for people or as one JSON object.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "replay/known_state.hpp"

namespace signalbox::replay {

[[nodiscard]] std::string state_text(const KnownState& state);
[[nodiscard]] std::string state_json(const KnownState& state);

// Parts of it: one run, and each question nobody has answered yet, beside its request_id.
[[nodiscard]] std::string run_json(const KnownRun& run);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pending_questions(
    const KnownState& state);

}  // namespace signalbox::replay
