// Clock and Executor: how code below ops/cli learns the time and gets to run later. Both are
// injected everywhere, so that one seeded thread can play a whole cluster (tests/simulation).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace signalbox {

// Wall time in UTC. It is written down and shown; it never orders, validates or deduplicates.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
// Time for deadlines and delays; unrelated to wall time and to other machines.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;
};

using Task = std::function<void()>;
enum class TimerId : std::uint64_t { none = 0 };

// One thread's worth of order: tasks run one at a time, in the order they were posted by any one
// thread. An executor outlives everything that holds a reference to it; after it stopped, tasks are
// dropped.
class Executor {
 public:
  virtual ~Executor() = default;
  // Any thread. Never runs the task inside the call.
  virtual void post(Task task) = 0;
  // Own thread only. Runs the task once, not before `when`; never inside the call.
  virtual TimerId call_at(MonotonicTime when, Task task) = 0;
  // Own thread only. After it the task does not run; an id that ran already is ignored.
  virtual void cancel(TimerId timer) = 0;
  // True on the executor's own thread.
  [[nodiscard]] virtual bool is_current() const = 0;
};

}  // namespace signalbox
