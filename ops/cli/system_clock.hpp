// SystemClock: the clocks of this machine. Thread: any.
#pragma once

#include "event-store/model/clock.hpp"

namespace signalbox::cli {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace signalbox::cli
