// The simulated log as a file for checkers that share no code with the product: the format of
// tests/chaos/log_dump.py.
#pragma once

#include <string>

#include "tests/support/simulated_event_log.hpp"

namespace signalbox::simulation {

// `changed`, if any, stands in place of the record at its offset. Where the file cannot be written
// it is cut, which whoever reads it sees.
void dump_log(const test_support::SimulatedEventLog& log, std::int32_t partitions,
              const RecordPtr& changed, const std::string& path);

}  // namespace signalbox::simulation
