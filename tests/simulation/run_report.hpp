// RunReport: what one simulated history came to. Filled by everything that checks; a value.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/trace_hash.hpp"

namespace signalbox::simulation {

struct RunReport {
  // Sentences; the first ones name the first records that are wrong. Empty: every promise was kept.
  std::vector<std::string> violations{};
  // How often something was met, by name: faults, verdicts, frames, events.
  std::map<std::string, std::int64_t, std::less<>> met{};
  TraceHash trace{};
  // Virtual time from when the faults stopped to the last end of a run.
  std::chrono::microseconds heal_to_last_end{0};

  void violate(std::string what) {
    if (violations.size() < kViolationsMax) violations.push_back(std::move(what));
  }
  void count(std::string_view name, std::int64_t by = 1) {
    const auto found = met.find(name);
    if (found != met.end())
      found->second += by;
    else
      met.emplace(name, by);
  }

 private:
  static constexpr std::size_t kViolationsMax = 20;
};

}  // namespace signalbox::simulation
