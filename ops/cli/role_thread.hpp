// RoleThread: the named thread of one role (router, archive, ...), the Executor its parts run on.
// It runs from construction until stop() or destruction, and outlives everything that refers to it.
// Its queue has no limit of its own: whoever posts bounds what it may have outstanding (an EventLog
// has one call per tail in flight, appends in groups); queued() is the gauge.
// A task that throws ends the process: expected failures are Results.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"

namespace signalbox::cli {

class RoleThread final : public Executor {
 public:
  // `name` is what `top -H` shows; the kernel keeps its first 15 bytes.
  explicit RoleThread(std::string name);
  ~RoleThread() override;
  RoleThread(const RoleThread&) = delete;
  RoleThread& operator=(const RoleThread&) = delete;

  void post(Task task) override;
  TimerId call_at(MonotonicTime when, Task task) override;
  void cancel(TimerId timer) override;
  [[nodiscard]] bool is_current() const override;

  // Any other thread. Runs the task on this thread and waits for its end; false when the thread has
  // stopped and the task was dropped. For building and taking down parts that live here.
  bool run(Task task);
  // Any other thread, also twice. What was posted before it still runs; timers and later tasks are
  // dropped. Returns when the thread has ended.
  void stop();
  // Any thread: tasks posted and not yet begun.
  [[nodiscard]] std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
  struct Timer {
    MonotonicTime when;
    std::uint64_t id;  // orders timers of the same moment as they were set
    friend auto operator<=>(const Timer&, const Timer&) = default;
  };

  void loop(const std::string& name);
  // Waits for tasks, a due timer or the end; false at the end.
  [[nodiscard]] bool wait_for_work();
  void run_batch();
  void run_due_timers();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Task> incoming_;  // guarded by mutex_
  bool waiting_ = false;        // guarded by mutex_
  bool stopping_ = false;       // guarded by mutex_
  std::atomic<std::size_t> queued_ = 0;

  // Own thread only.
  bool ending_ = false;  // stopping_ as seen by the thread itself
  std::vector<Task> batch_;
  std::map<Timer, Task> timers_;
  std::unordered_map<std::uint64_t, MonotonicTime> timer_times_;
  std::uint64_t next_timer_ = 1;

  std::mutex joining_;  // two callers of stop() wait for the same end
  std::thread thread_;
};

}  // namespace signalbox::cli
