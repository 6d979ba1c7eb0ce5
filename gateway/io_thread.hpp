// IoThread: a named thread with an asio::io_context of its own, seen by everybody else as an
// Executor. Gateway's shards, its feed, its listener and its helpers for blocking reads are each
// one. Lifetime: outlives whatever was given a reference to it; start() once, finish() once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "event-store/model/clock.hpp"

namespace asio {
class io_context;
}

namespace signalbox::gateway {

class IoThread final : public Executor {
 public:
  explicit IoThread(std::string name);
  ~IoThread() override;
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  // Cancels timers, lets the thread run until no operation is left, then joins it. When operations
  // are still left after `patience` (a bug, or a peer that outlives every timeout) they are cut.
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(10));
  // Runs a task on the thread and waits for it; not on the thread itself.
  void run_and_wait(const Task& task);

  [[nodiscard]] asio::io_context& context();
  // Tasks that let an exception escape: each is a bug, logged, and the thread goes on.
  [[nodiscard]] std::uint64_t escaped_exceptions() const { return escaped_exceptions_; }

  void post(Task task) override;
  TimerId call_at(MonotonicTime when, Task task) override;
  void cancel(TimerId timer) override;
  [[nodiscard]] bool is_current() const override;

 private:
  struct State;
  void run();

  std::string name_;
  std::unique_ptr<State> state_;
  std::atomic<std::uint64_t> escaped_exceptions_{0};
  std::atomic<int> posting_{0};  // threads inside post()
  std::atomic<std::thread::id> thread_id_{};
  std::thread thread_;
};

}  // namespace signalbox::gateway
