// The small worlds that the model is searched in, and the rules that are switched off one by one,
// each with a scope in which it is missed.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/model/protocol.hpp"

namespace signalbox::ownership_model {

[[nodiscard]] const std::vector<Scope>& scopes();
// Too large to finish: searched up to a limit.
[[nodiscard]] const std::vector<Scope>& deep_scopes();

struct SwitchedOff {
  std::string name;
  std::string scope;
  Rules rules;
};
[[nodiscard]] const std::vector<SwitchedOff>& switched_off();

// The validity rule of the first draft (epoch and userseq), every other rule as it is.
[[nodiscard]] Rules draft_rules();

}  // namespace signalbox::ownership_model
