// The log on a real Kafka, with real threads and topics of its own: for the conformance suite and
// the tests of what only this backend does.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "event-store/log/kafka_event_log.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"
#include "tests/log/conformance_suite.hpp"
#include "tests/log/kafka_topics_for_test.hpp"

namespace signalbox::event_store {

class KafkaFixture : public EventLogFixture {
 public:
  explicit KafkaFixture(TestTopicsOptions topics, KafkaEventLogOptions options = {})
      : topics_(std::move(topics)), options_(std::move(options)) {
    options_.kafka = topics_.kafka();
    open();
  }

  [[nodiscard]] EventLog& log() override { return *log_; }
  [[nodiscard]] KafkaEventLog& kafka() { return *log_; }
  void reopen() override {
    close();
    open();
  }
  void close() { log_.reset(); }
  void open() {
    auto opened = KafkaEventLog::open(options_, clock_, random_);
    // Without a log nothing that follows means anything.
    if (!opened) throw std::runtime_error(opened.error().message);
    log_ = std::move(*opened);
  }
  // The process is gone: nothing is waited for, what was not sent never is.
  void crash() override {
    close();
    open();
  }
  [[nodiscard]] Executor& executor(int index) override {
    return threads_[static_cast<std::size_t>(index)];
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
  [[nodiscard]] KafkaTopicsForTest& topics() { return topics_; }
  [[nodiscard]] KafkaEventLogOptions& options() { return options_; }

 private:
  KafkaTopicsForTest topics_;
  KafkaEventLogOptions options_;
  cli::SystemClock clock_;
  Random random_{77};
  // Before the log, which posts to them until it is closed.
  std::array<cli::RoleThread, kExecutors> threads_{
      cli::RoleThread("test 0"), cli::RoleThread("test 1"), cli::RoleThread("test 2")};
  std::unique_ptr<KafkaEventLog> log_;
};

}  // namespace signalbox::event_store
