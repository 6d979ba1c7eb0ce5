// What was known of a user, for people or as one JSON object.
#pragma once

#include <string>

#include "replay/known_state.hpp"

namespace signalbox::replay {

[[nodiscard]] std::string state_text(const KnownState& state);
[[nodiscard]] std::string state_json(const KnownState& state);

}  // namespace signalbox::replay
