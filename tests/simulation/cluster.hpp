// One simulated history: two gateways, three routers and a handful of clients over a log, a network
// and machines that fail; then everything heals, and every promise is checked. The same seed is the
// same history, whatever the machine. One real thread.
#pragma once

#include <cstdint>

#include "tests/simulation/run_report.hpp"

namespace signalbox::simulation {

[[nodiscard]] RunReport simulate(std::uint64_t seed);

}  // namespace signalbox::simulation
