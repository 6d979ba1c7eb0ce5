// Runs the operator's command that puts an earlier release back: by /bin/sh -c, in a process group
// of its own with the signals as a new process has them, so that what it starts lives on and a
// Ctrl-C does not cut it in half. What it prints goes where this process prints; it reads
// /dev/null, and gets no other descriptor of this process and none of its SIGNALBOX_WATCH_*.
#pragma once

#include <chrono>
#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::watch {

// Blocking; SIGCHLD is as a new process has it from then on. The exit code; 128 + N for signal N.
// Errors: unavailable (it did not end in `time_max`; its process group was ended), io_error (it
// could not be started).
[[nodiscard]] Result<int> run_rollback(const std::string& command,
                                       std::chrono::milliseconds time_max);

}  // namespace signalbox::watch
