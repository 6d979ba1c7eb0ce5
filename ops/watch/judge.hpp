// Judge: whether the golden path still works, by how many of the newest probes succeeded. Pure:
// time is what it is told. Memory: the probes of one window. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "event-store/model/clock.hpp"

namespace signalbox::watch {

struct JudgeOptions {
  std::chrono::milliseconds window{60'000};  // probes count for so long after their end
  int success_percent_min = 95;              // below it the path is broken; 95 itself is enough
  std::size_t probes_min = 3;                // with fewer in the window there is no verdict
};

enum class Verdict { undecided, healthy, broken };

struct Standing {
  std::size_t probes;     // in the window
  std::size_t succeeded;  // of them
  Verdict verdict;

  // 1 where there are none.
  [[nodiscard]] double success_ratio() const {
    return probes == 0 ? 1.0 : static_cast<double>(succeeded) / static_cast<double>(probes);
  }
};

class Judge {
 public:
  // Undecided until a whole window has passed since `started`.
  Judge(JudgeOptions options, MonotonicTime started) : options_(options), started_(started) {}

  // A probe ended at `at`, no earlier than the one before it.
  void add(MonotonicTime at, bool succeeded);
  [[nodiscard]] Standing standing(MonotonicTime now);

 private:
  struct Ended {
    MonotonicTime at;
    bool succeeded;
  };
  JudgeOptions options_;
  MonotonicTime started_;
  std::deque<Ended> ended_;
};

}  // namespace signalbox::watch
