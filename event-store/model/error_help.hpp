// What a person can do about each error that has a code: one place, which the paper of errors is
// made from. A code without its sentences does not compile. Pure; any thread.
#pragma once

#include <string_view>

#include "event-store/model/event.hpp"
#include "event-store/model/result.hpp"

namespace signalbox {

struct ErrorHelp {
  std::string_view happened;  // both are sentences without their full stop
  std::string_view to_do;
};

[[nodiscard]] ErrorHelp help_of(Errc code);
[[nodiscard]] ErrorHelp help_of(FailureCode code);
[[nodiscard]] ErrorHelp help_of(RejectCode code);
[[nodiscard]] ErrorHelp help_of(CancelRejectCode code);
[[nodiscard]] ErrorHelp help_of(InputRejectCode code);

}  // namespace signalbox
