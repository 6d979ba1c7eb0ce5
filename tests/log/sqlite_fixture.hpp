// The embedded log in a temporary directory, with real threads: for the conformance suite and the
// tests of what only this backend does.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "event-store/log/sqlite_event_log.hpp"
#include "ops/cli/role_thread.hpp"
#include "tests/log/conformance_suite.hpp"

namespace signalbox::event_store {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "signalbox-log-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Wall time that a test moves; monotonic time is real.
class MovableClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now()) +
           shift_.load();
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
  void shift(std::chrono::microseconds by) { shift_ = shift_.load() + by; }

 private:
  std::atomic<std::chrono::microseconds> shift_{std::chrono::microseconds(0)};
};

class SqliteFixture : public EventLogFixture {
 public:
  explicit SqliteFixture(SqliteEventLogOptions options = {}) : options_(std::move(options)) {
    options_.dir = directory_.path();
    options_.wal_reserve_bytes = 0;  // hundreds of logs are made in a minute
    open();
  }

  [[nodiscard]] EventLog& log() override { return *log_; }
  [[nodiscard]] SqliteEventLog& sqlite() { return *log_; }
  void reopen() override {
    close();
    open();
  }
  void close() { log_.reset(); }
  void open() {
    auto opened = SqliteEventLog::open(options_, clock_, random_);
    // Without a log nothing that follows means anything.
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }
  [[nodiscard]] Executor& executor(int index) override {
    return threads_[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] std::size_t queued(int index) const {
    return threads_[static_cast<std::size_t>(index)].queued();
  }
  void run_on(int index, const Task& task) override {
    threads_[static_cast<std::size_t>(index)].run(task);
  }
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition) override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
  }
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  [[nodiscard]] MovableClock& clock() { return clock_; }
  [[nodiscard]] SqliteEventLogOptions& options() { return options_; }

 private:
  TemporaryDirectory directory_;
  SqliteEventLogOptions options_;
  MovableClock clock_;
  Random random_{77};
  // Before the log, which posts to them until it is closed.
  std::array<cli::RoleThread, kExecutors> threads_{
      cli::RoleThread("test 0"), cli::RoleThread("test 1"), cli::RoleThread("test 2")};
  std::unique_ptr<SqliteEventLog> log_;
};

}  // namespace signalbox::event_store
