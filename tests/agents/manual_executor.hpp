// ManualExecutor and FixedClock: time and order under the hands of a test. One thread; nothing
// runs but inside run_one() and run_until(). Time passes only when nothing is left to do at the
// present moment: then it jumps to the next timer.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "event-store/model/clock.hpp"

namespace signalbox::testing {

class FixedClock : public Clock {
 public:
  explicit FixedClock(Timestamp start) : now_(start) {}

  [[nodiscard]] Timestamp now() const override { return now_; }
  [[nodiscard]] MonotonicTime monotonic() const override { return monotonic_; }
  void advance_to(MonotonicTime when) {
    if (when <= monotonic_) return;
    now_ += std::chrono::duration_cast<std::chrono::microseconds>(when - monotonic_);
    monotonic_ = when;
  }

 private:
  Timestamp now_;
  MonotonicTime monotonic_{};
};

class ManualExecutor : public Executor {
 public:
  explicit ManualExecutor(FixedClock& clock) : clock_(clock) {}

  void post(Task task) override { tasks_.push_back(std::move(task)); }
  TimerId call_at(MonotonicTime when, Task task) override {
    const TimerId id{++last_timer_};
    timers_.emplace(std::pair(when, id), std::move(task));
    return id;
  }
  void cancel(TimerId timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
  }
  [[nodiscard]] bool is_current() const override { return true; }

  // Runs the next task, or lets time pass to the next timer and runs that. False: nothing to do.
  bool run_one() {
    if (tasks_.empty() && timers_.empty()) return false;
    Task task;
    if (!tasks_.empty()) {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    } else {
      auto next = timers_.extract(timers_.begin());
      clock_.advance_to(next.key().first);
      task = std::move(next.mapped());
    }
    task();
    return true;
  }
  [[nodiscard]] std::size_t pending() const { return tasks_.size() + timers_.size(); }

 private:
  FixedClock& clock_;
  std::deque<Task> tasks_;
  std::map<std::pair<MonotonicTime, TimerId>, Task> timers_;
  std::uint64_t last_timer_ = 0;
};

}  // namespace signalbox::testing
