// What librdkafka alone makes of a broker, with the settings the log uses and nothing of the log:
// the way of a message through two topics, and appends a second. Thread: one. Throws where the
// broker refuses.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event-store/model/record.hpp"

namespace signalbox::bench {

struct FloorTopics {
  std::string brokers;
  std::string inbound;
  std::string events;
};

// Produce to inbound, consume it, produce it to events, consume it: milliseconds of each of so
// many, one after the other, with a pause before each: who slept needs longer.
[[nodiscard]] std::vector<double> floor_of_two_hops(const FloorTopics& topics, int messages,
                                                    std::size_t bytes,
                                                    std::chrono::milliseconds pause);

// Reported appends to events a second, at most `in_flight_max` not reported at a time.
[[nodiscard]] double floor_of_appends(const FloorTopics& topics,
                                      const std::vector<std::pair<Partition, NewRecord>>& records,
                                      int appends, int in_flight_max);

}  // namespace signalbox::bench
