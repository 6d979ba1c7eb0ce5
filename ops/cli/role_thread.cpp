#include "ops/cli/role_thread.hpp"

#include <pthread.h>

#include <atomic>
#include <future>
#include <memory>

#include "event-store/model/assert.hpp"

namespace signalbox::cli {

namespace {
thread_local const RoleThread* current_thread = nullptr;
constexpr std::size_t kThreadNameBytesMax = 15;
}  // namespace

RoleThread::RoleThread(std::string name)
    : thread_([this, name = std::move(name)] { loop(name); }) {}

RoleThread::~RoleThread() { stop(); }

void RoleThread::post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  incoming_.push_back(std::move(task));
  queued_.fetch_add(1, std::memory_order_relaxed);
  // Under the lock: the task may be what the destroyer of this object waits for.
  if (std::exchange(waiting_, false)) wake_.notify_one();
}

TimerId RoleThread::call_at(MonotonicTime when, Task task) {
  SIGNALBOX_ASSERT(is_current());
  const std::uint64_t id = next_timer_++;
  timers_.emplace(Timer{when, id}, std::move(task));
  timer_times_.emplace(id, when);
  return TimerId{id};
}

void RoleThread::cancel(TimerId timer) {
  SIGNALBOX_ASSERT(is_current());
  const auto id = static_cast<std::uint64_t>(timer);
  const auto found = timer_times_.find(id);
  if (found == timer_times_.end()) return;
  timers_.erase(Timer{found->second, id});
  timer_times_.erase(found);
}

bool RoleThread::is_current() const { return current_thread == this; }

bool RoleThread::run(Task task) {
  SIGNALBOX_ASSERT(!is_current());
  // A dropped task takes its promise along, which ends the wait as well.
  auto promise = std::make_shared<std::promise<void>>();
  auto ran = std::make_shared<std::atomic<bool>>(false);
  const std::future<void> done = promise->get_future();
  post([task = std::move(task), promise = std::move(promise), ran] {
    task();
    ran->store(true);
    promise->set_value();
  });
  done.wait();
  return ran->load();
}

void RoleThread::stop() {
  SIGNALBOX_ASSERT(!is_current());
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_ = false;
    wake_.notify_one();
  }
  const std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.join();
}

void RoleThread::loop(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, kThreadNameBytesMax).c_str());
  current_thread = this;
  while (wait_for_work()) {
    if (!ending_) run_due_timers();
    run_batch();
  }
  // What a timer holds is let go on the thread it belongs to.
  timers_.clear();
  timer_times_.clear();
}

bool RoleThread::wait_for_work() {
  std::unique_lock lock(mutex_);
  while (incoming_.empty()) {
    if (stopping_) return false;
    if (timers_.empty()) {
      waiting_ = true;
      wake_.wait(lock);
    } else {
      const MonotonicTime due = timers_.begin()->first.when;
      if (due <= std::chrono::steady_clock::now()) break;
      waiting_ = true;
      wake_.wait_until(lock, due);
    }
    waiting_ = false;
  }
  ending_ = stopping_;
  batch_.swap(incoming_);
  return true;
}

void RoleThread::run_batch() {
  for (Task& task : batch_) {
    queued_.fetch_sub(1, std::memory_order_relaxed);
    task();
    task = nullptr;  // lets go of what it captured before the next one runs
  }
  batch_.clear();
}

void RoleThread::run_due_timers() {
  const MonotonicTime now = std::chrono::steady_clock::now();
  // Timers set by these tasks wait for the next round, so that a timer of zero delay cannot starve
  // the queue.
  const std::uint64_t last = next_timer_;
  for (auto due = timers_.begin(); due != timers_.end() && due->first.when <= now;) {
    if (due->first.id >= last) {
      ++due;
      continue;
    }
    const Task task = std::move(due->second);
    const Timer timer = due->first;
    timer_times_.erase(timer.id);
    timers_.erase(due);
    task();
    due = timers_.begin();
  }
}

}  // namespace signalbox::cli
