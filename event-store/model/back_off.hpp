// BackOff: how long to wait before something is tried again. Each wait is a random time between the
// first one and three times the one before, at most `most` (decorrelated jitter), so that many who
// failed together do not come back together. Thread: one; the random source outlives it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "event-store/model/random.hpp"

namespace signalbox {

class BackOff {
 public:
  BackOff(Random& random, std::chrono::milliseconds first, std::chrono::milliseconds most)
      : random_(random), first_(first), most_(std::max(first, most)), last_(first) {}

  [[nodiscard]] std::chrono::milliseconds next() {
    const auto span = static_cast<std::uint64_t>((std::min(most_, 3 * last_) - first_).count());
    last_ = first_ + std::chrono::milliseconds(static_cast<std::int64_t>(random_.below(span + 1)));
    return last_;
  }
  // It went well: the next wait is a short one again.
  void reset() { last_ = first_; }

 private:
  Random& random_;
  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::chrono::milliseconds last_;
};

}  // namespace signalbox
