// GoodUsers: well-behaved clients of the gateway, each with one socket, whose events are timed
// while something else goes on. A tenth of them get an event every tenth of a second, timed from
// the word to the owner until each has it, so the append and its sync are in it. Thread: the
// caller's, one at a time; nobody else tells the service anything meanwhile.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "ops/bench/gateway_bench.hpp"
#include "ops/bench/swarm.hpp"

namespace signalbox::bench {

class GoodUsers {
 public:
  static constexpr std::chrono::milliseconds kPace{100};

  // Connects them; `count` is rounded down to tens.
  GoodUsers(BenchedService& service, std::size_t count);

  // Takes kPace. Whether every event came and no socket ended; adds to `latencies`, in
  // milliseconds.
  bool step(std::vector<double>& latencies);

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] const SwarmCounts& counts() const { return swarm_.counts(); }

 private:
  BenchedService& service_;
  Swarm swarm_;
  std::size_t per_group_;
  std::size_t group_ = 0;
  bool ready_ = false;
};

}  // namespace signalbox::bench
