// Are the anchors sound: the key that signs them and the one they are verified with, and whether
// they keep pace with the log. Reads only. Thread: one. What they say of the log, `signalbox replay
// verify` compares. Checks: anchor-key, anchors.
#pragma once

#include <vector>

#include "event-store/log/log_reader.hpp"
#include "event-store/model/clock.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

[[nodiscard]] Finding check_anchor_key(const Subject& subject, const LogId& log);
[[nodiscard]] std::vector<Finding> check_anchors(const Subject& subject,
                                                 event_store::LogReader& log, Timestamp now,
                                                 std::optional<pid_t> holder);

}  // namespace signalbox::doctor
