#include "tests/support/simulated_scheduler.hpp"

#include <algorithm>
#include <optional>

#include "event-store/model/assert.hpp"

namespace signalbox::test_support {

class SimulatedScheduler::VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Timestamp wall_start) : wall_(wall_start) {}
  [[nodiscard]] Timestamp now() const override {
    return wall_ + std::chrono::duration_cast<std::chrono::microseconds>(time_.time_since_epoch());
  }
  [[nodiscard]] MonotonicTime monotonic() const override { return time_; }

  void move_to(MonotonicTime time) { time_ = time; }
  void shift_wall(std::chrono::microseconds by) { wall_ += by; }

 private:
  Timestamp wall_;
  MonotonicTime time_{};
};

class SimulatedExecutor final : public Executor {
 public:
  SimulatedExecutor(SimulatedScheduler& scheduler, std::string name)
      : scheduler_(scheduler), name_(std::move(name)) {}

  void post(Task task) override {
    if (!stopped_) tasks_.push_back({scheduler_.next_number(), std::move(task)});
  }

  TimerId call_at(MonotonicTime when, Task task) override {
    SIGNALBOX_ASSERT(is_current());
    if (stopped_) return TimerId::none;
    const std::uint64_t number = scheduler_.next_number();
    timers_.emplace(TimerKey{when, number}, std::move(task));
    timer_times_.emplace(number, when);
    return static_cast<TimerId>(number);
  }

  void cancel(TimerId timer) override {
    SIGNALBOX_ASSERT(is_current());
    const auto found = timer_times_.find(static_cast<std::uint64_t>(timer));
    if (found == timer_times_.end()) return;
    timers_.erase(TimerKey{found->second, found->first});
    timer_times_.erase(found);
  }

  [[nodiscard]] bool is_current() const override {
    return scheduler_.current_ == nullptr || scheduler_.current_ == this;
  }

  [[nodiscard]] bool timer_due(MonotonicTime now) const {
    return !paused_ && !timers_.empty() && timers_.begin()->first.when <= now;
  }
  [[nodiscard]] bool runnable(MonotonicTime now) const {
    return !paused_ && (!tasks_.empty() || timer_due(now));
  }
  // Age of what would run next in fifo order; due timers come before tasks.
  [[nodiscard]] std::pair<int, std::uint64_t> rank(MonotonicTime now) const {
    if (timer_due(now)) return {0, timers_.begin()->first.number};
    return {1, tasks_.front().number};
  }
  [[nodiscard]] std::optional<MonotonicTime> next_timer() const {
    if (paused_ || timers_.empty()) return std::nullopt;
    return timers_.begin()->first.when;
  }

  [[nodiscard]] Task take(bool timer) {
    if (timer) {
      const auto first = timers_.begin();
      Task task = std::move(first->second);
      timer_times_.erase(first->first.number);
      timers_.erase(first);
      return task;
    }
    Task task = std::move(tasks_.front().task);
    tasks_.pop_front();
    return task;
  }
  [[nodiscard]] bool has_task() const { return !tasks_.empty(); }

  void set_paused(bool paused) { paused_ = paused; }
  void stop() {
    stopped_ = true;
    // Destroying what tasks hold may post or cancel here; by then the queues are empty.
    const auto tasks = std::exchange(tasks_, {});
    const auto timers = std::exchange(timers_, {});
    timer_times_.clear();
  }

 private:
  struct Posted {
    std::uint64_t number;
    Task task;
  };
  struct TimerKey {
    MonotonicTime when;
    std::uint64_t number;
    auto operator<=>(const TimerKey&) const = default;
  };

  SimulatedScheduler& scheduler_;
  std::string name_;
  std::deque<Posted> tasks_;
  std::map<TimerKey, Task> timers_;
  std::map<std::uint64_t, MonotonicTime> timer_times_;
  bool paused_ = false;
  bool stopped_ = false;
};

SimulatedScheduler::SimulatedScheduler(SchedulerOptions options)
    : options_(options),
      order_(options.seed),
      random_(options.seed ^ 0x9e3779b97f4a7c15ULL),
      clock_(std::make_unique<VirtualClock>(options.wall_start)) {
  outside_ = &of(make_executor("outside"));
}

SimulatedScheduler::~SimulatedScheduler() {
  for (auto& executor : executors_) executor->stop();
}

Executor& SimulatedScheduler::make_executor(std::string name) {
  executors_.push_back(std::make_unique<SimulatedExecutor>(*this, std::move(name)));
  return *executors_.back();
}

const Clock& SimulatedScheduler::clock() const { return *clock_; }

SimulatedExecutor& SimulatedScheduler::of(Executor& executor) {
  for (auto& mine : executors_)
    if (mine.get() == &executor) return *mine;
  SIGNALBOX_ASSERT(false && "an executor of another scheduler");
  return *executors_.front();
}

SimulatedExecutor* SimulatedScheduler::choose() {
  const MonotonicTime now = clock_->monotonic();
  if (options_.fifo) {
    SimulatedExecutor* oldest = nullptr;
    for (auto& executor : executors_)
      if (executor->runnable(now) && (oldest == nullptr || executor->rank(now) < oldest->rank(now)))
        oldest = executor.get();
    return oldest;
  }
  std::vector<SimulatedExecutor*> runnable;
  for (auto& executor : executors_)
    if (executor->runnable(now)) runnable.push_back(executor.get());
  return runnable.empty() ? nullptr : runnable[order_.below(runnable.size())];
}

bool SimulatedScheduler::step() {
  SIGNALBOX_ASSERT(current_ == nullptr);
  SimulatedExecutor* const chosen = choose();
  if (chosen == nullptr) return false;
  bool timer = chosen->timer_due(clock_->monotonic());
  if (timer && !options_.fifo && chosen->has_task()) timer = order_.below(2) == 0;
  const Task task = chosen->take(timer);
  current_ = chosen;
  task();
  current_ = nullptr;
  SIGNALBOX_ASSERT(++tasks_at_this_time_ <= options_.tasks_without_time_max);
  return true;
}

std::size_t SimulatedScheduler::run_until_idle() {
  std::size_t ran = 0;
  while (step()) ++ran;
  return ran;
}

bool SimulatedScheduler::move_to_next_timer(MonotonicTime until) {
  std::optional<MonotonicTime> next;
  for (const auto& executor : executors_) {
    const auto due = executor->next_timer();
    if (due && (!next || *due < *next)) next = due;
  }
  if (!next || *next > until) return false;
  clock_->move_to(std::max(*next, clock_->monotonic()));
  tasks_at_this_time_ = 0;
  return true;
}

void SimulatedScheduler::advance(Duration by) {
  const MonotonicTime until = clock_->monotonic() + by;
  do {
    run_until_idle();
  } while (move_to_next_timer(until));
  clock_->move_to(until);
  tasks_at_this_time_ = 0;
  run_until_idle();
}

bool SimulatedScheduler::run_until(const std::function<bool()>& condition, Duration limit) {
  const MonotonicTime until = clock_->monotonic() + limit;
  while (!condition()) {
    if (step()) continue;
    if (!move_to_next_timer(until)) return false;
  }
  return true;
}

void SimulatedScheduler::run_on(Executor& executor, const Task& task) {
  SimulatedExecutor* const before = std::exchange(current_, &of(executor));
  task();
  current_ = before;
}

void SimulatedScheduler::pause(Executor& executor) { of(executor).set_paused(true); }
void SimulatedScheduler::resume(Executor& executor) { of(executor).set_paused(false); }
void SimulatedScheduler::stop(Executor& executor) { of(executor).stop(); }

void SimulatedScheduler::call_after(Duration delay, Task task) {
  const MonotonicTime when = clock_->monotonic() + delay;
  run_on(*outside_, [&] { outside_->call_at(when, std::move(task)); });
}

void SimulatedScheduler::shift_wall_clock(std::chrono::microseconds by) { clock_->shift_wall(by); }

}  // namespace signalbox::test_support
