// Examination: every check of the doctor, one after the other. It never disturbs a service that
// runs on the same data: it reads, takes no lock, and what it writes is a file without a name.
// Blocks for some seconds; thread: one.
#pragma once

#include <functional>
#include <vector>

#include "event-store/model/clock.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

// Told before each group of checks; false ends the examination with what was found so far.
using Progress = std::function<bool(const std::string& doing)>;

[[nodiscard]] std::vector<Finding> examine(const Subject& subject, const Clock& clock,
                                           const Progress& progress);

}  // namespace signalbox::doctor
