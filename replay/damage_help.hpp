// What a person can do about each kind of damage: one place, which the paper of errors is made
// from. A kind without its sentences does not compile. Pure; any thread.
#pragma once

#include "event-store/model/error_help.hpp"
#include "replay/findings.hpp"

namespace signalbox::replay {

[[nodiscard]] ErrorHelp help_of(DamageKind kind);

}  // namespace signalbox::replay
