// Are the files sound that are made from the log: archive and snapshots. Reads only. Thread: one.
// Checks: archive, snapshots.
#pragma once

#include <optional>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

[[nodiscard]] std::vector<Finding> check_archive(const Subject& subject,
                                                 event_store::LogReader& log,
                                                 std::optional<pid_t> holder);
[[nodiscard]] Finding check_snapshots(const Subject& subject, const LogId& log,
                                      std::optional<pid_t> holder);

}  // namespace signalbox::doctor
