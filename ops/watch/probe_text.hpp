// What became of a probe, as a line for a person at a terminal and as a line of JSON for who
// collects logs. Neither holds a token. Pure.
#pragma once

#include <string>

#include "event-store/model/clock.hpp"
#include "ops/watch/judge.hpp"
#include "ops/watch/probe.hpp"

namespace signalbox::watch {

// Without a line break at the end.
[[nodiscard]] std::string terminal_line(const ProbeReport& report, const Standing& standing);
// As other lines of the log, with the figures as further members.
[[nodiscard]] std::string json_line(const ProbeReport& report, const Standing& standing,
                                    Timestamp now);

}  // namespace signalbox::watch
