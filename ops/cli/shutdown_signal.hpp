// ShutdownSignal: why and when the program ends. Made by main before any other thread exists: it
// blocks SIGTERM, SIGINT and SIGHUP, which every thread made later inherits, and takes them itself.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace signalbox::cli {

class ShutdownSignal {
 public:
  ShutdownSignal();  // throws std::system_error
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  struct Reason {
    int exit_code;
    std::string text;  // for the log
  };
  // Any thread, any number of times; the first one counts.
  void fail(Reason why);
  // Main thread: sleeps, at most so long; true once wait() has something to do.
  [[nodiscard]] bool sleep(std::chrono::milliseconds time);
  // Main thread: waits for SIGTERM, SIGINT or fail(). Calls `reload` for every SIGHUP meanwhile.
  [[nodiscard]] Reason wait(const std::function<void()>& reload);
  // Main thread: sleeps, at most so long, until SIGTERM, SIGINT or SIGHUP; fail() does not wake it.
  void sleep_until_signal(std::chrono::milliseconds time_max);

 private:
  int signals_;  // signalfd
  int failed_;   // eventfd
  std::mutex mutex_;
  std::optional<Reason> failure_;  // guarded by mutex_
};

}  // namespace signalbox::cli
