// One simulated history: two gateways, three routers and a handful of clients over a log, a network
// and machines that fail; then everything heals, and every promise is checked. The same seed is the
// same history, whatever the machine. One real thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/simulation/run_report.hpp"

namespace signalbox::simulation {

// For checkers that judge afterwards, where a path is given: what the clients did and saw
// (ops/bench/history_file.hpp), the log (tests/chaos/log_dump.py), and the routers' snapshots in a
// folder, a file of each. Clients then read everything once more at the end. Without the chain the
// log is kept as somebody changed it.
struct KeptFiles {
  std::string history{};
  std::string dump{};
  std::string snapshots{};
};

[[nodiscard]] RunReport simulate(std::uint64_t seed, const KeptFiles& kept = {});

}  // namespace signalbox::simulation
