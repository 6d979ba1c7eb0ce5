// SimulatedScheduler: virtual time and any number of executors on one real thread, so that one seed
// plays a whole cluster the same way every time. Nothing runs but inside step(), run_until_idle(),
// advance() and run_until(). A real thread of its own never exists: code under test that posts does
// so from the one thread. Time moves only in advance() and run_until(). It outlives everything that
// holds one of its executors.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::test_support {

class SimulatedExecutor;

struct SchedulerOptions {
  std::uint64_t seed = 1;
  // False: of the executors that have something to do, a seeded choice is made. True: strictly in
  // the order in which things were posted, timers that are due first.
  bool fifo = false;
  Timestamp wall_start = Timestamp(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) +
                         std::chrono::hours(9) + std::chrono::minutes(30);
  // So many tasks without time moving mean two tasks that feed each other for ever: asserted.
  std::size_t tasks_without_time_max = 5'000'000;
};

class SimulatedScheduler {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit SimulatedScheduler(SchedulerOptions options = {});
  ~SimulatedScheduler();
  SimulatedScheduler(const SimulatedScheduler&) = delete;
  SimulatedScheduler& operator=(const SimulatedScheduler&) = delete;

  // Lives as long as the scheduler. Outside of any task, the caller counts as being on every
  // executor's own thread.
  [[nodiscard]] Executor& make_executor(std::string name);
  [[nodiscard]] const Clock& clock() const;
  // For simulated parts that need chance (the simulated log); the order of tasks has its own.
  [[nodiscard]] Random& random() { return random_; }

  // Runs one task or due timer; false when nothing can run without time moving.
  bool step();
  // Runs what can run without time moving; how many tasks that were.
  std::size_t run_until_idle();
  // Moves time, running everything that becomes due on the way, each at its own time.
  void advance(Duration by);
  // Runs, and moves time from timer to timer, until `condition` holds or `limit` of virtual time
  // has passed; whether it holds.
  bool run_until(const std::function<bool()>& condition, Duration limit = std::chrono::minutes(10));
  // Runs `task` at once as if on that executor.
  void run_on(Executor& executor, const Task& task);

  // A process that is paused (its tasks and timers wait, as under SIGSTOP), goes on, or is dead
  // (what waits and what comes is dropped, for ever).
  void pause(Executor& executor);
  void resume(Executor& executor);
  void stop(Executor& executor);

  // What a simulated network or disk uses: `task` at virtual time, on no executor.
  void call_after(Duration delay, Task task);
  // Moves wall time alone, as an operator or NTP does.
  void shift_wall_clock(std::chrono::microseconds by);

 private:
  friend class SimulatedExecutor;
  class VirtualClock;

  [[nodiscard]] SimulatedExecutor* choose();
  [[nodiscard]] SimulatedExecutor& of(Executor& executor);
  [[nodiscard]] bool move_to_next_timer(MonotonicTime until);
  [[nodiscard]] std::uint64_t next_number() { return ++numbers_; }

  SchedulerOptions options_;
  Random order_;
  Random random_;
  std::unique_ptr<VirtualClock> clock_;
  std::vector<std::unique_ptr<SimulatedExecutor>> executors_;
  SimulatedExecutor* outside_;  // runs call_after
  SimulatedExecutor* current_ = nullptr;
  std::uint64_t numbers_ = 0;
  std::size_t tasks_at_this_time_ = 0;
};

}  // namespace signalbox::test_support
