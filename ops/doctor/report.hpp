// What the doctor says, for people and for programs. Pure; any thread.
//
// --json is one object, and stays as it is but for members that are added:
//   version   1
//   healthy   true where there is no fault; warnings are allowed
//   faults, warnings, ok   how many checks said so
//   checks    in the order they were made: {check, result: "ok" | "warning" | "fault", what, why,
//             mend}; why and mend are empty where the result is ok. A check may stand there more
//             than once, and those that are of no use with the settings do not stand there.
#pragma once

#include <string>
#include <vector>

#include "ops/doctor/finding.hpp"

namespace signalbox::doctor {

[[nodiscard]] bool is_healthy(const std::vector<Finding>& findings);
[[nodiscard]] std::string report_text(const std::vector<Finding>& findings, bool in_colour);
[[nodiscard]] std::string report_json(const std::vector<Finding>& findings);

}  // namespace signalbox::doctor
