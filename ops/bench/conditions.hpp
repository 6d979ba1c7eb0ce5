// Under which conditions a figure was measured, and what the disk alone can do.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::bench {

// Cores, CPU, kernel, commit and build type, one line each. The commit comes from BENCH_COMMIT
// or from git.
[[nodiscard]] std::string describe_conditions();

struct SyncFloor {
  double p50_ms;
  double p99_ms;
};
// One fdatasync after writing 4 KiB over what a file in `folder` already holds, `samples` times:
// the file does not grow, so the disk has nothing else to do. `pause` goes before each: a machine
// that slept in between answers several times slower than one asked without a break, so what is
// measured at a pace is compared with syncs at that pace. Ends early, with one sample at least, when
// `stop` is requested.
[[nodiscard]] Result<SyncFloor> measure_fdatasync(const std::string& folder, int samples,
                                                  std::chrono::milliseconds pause = {},
                                                  const std::stop_token& stop = {});

}  // namespace signalbox::bench
