// How a gateway ends over a log that does not answer.
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "gateway/gateway.hpp"
#include "tests/support/log_lines.hpp"

namespace signalbox::gateway {
namespace {

using event_store::AppendDone;

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return Timestamp{}; }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};

// It takes everything and says nothing; answer_all() is a word that comes too late.
class ForgetfulLog final : public event_store::EventLog {
 public:
  [[nodiscard]] event_store::LogDescription describe() const override {
    return {.log_id = LogId(Uuid{}), .partitions = 1};
  }
  void append(TopicPartition, NewRecord, Executor& where, AppendDone done) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back({&where, std::move(done)});
  }
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition, Offset, Executor&,
                                                        event_store::TailSink&) override {
    return std::make_unique<event_store::Tail>();
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition, Offset,
                                                    event_store::ReadLimits) override {
    return std::vector<RecordPtr>();
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition) override {
    return event_store::LogBounds{.first = Offset(0), .end = Offset(0)};
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string, Executor&, event_store::MembershipSink&) override {
    return nullptr;
  }

  std::size_t answer_all() {
    const std::lock_guard lock(mutex_);
    for (auto& [where, done] : asked_) where->post([done = std::move(done)] { done(Offset(0)); });
    return asked_.size();
  }

 private:
  struct Asked {
    Executor* where;
    AppendDone done;
  };
  std::mutex mutex_;
  std::vector<Asked> asked_;  // guarded by mutex_
};

// Found by reading: it waited for ever, and SIGTERM with it.
TEST(GatewayEnd, WhatTheLogNeverAnswersIsGivenUpAndNamed) {
  ForgetfulLog log;
  const SteadyClock clock;
  prometheus::Registry registry;
  const TokenKey key = dev_key_of(log.describe().log_id);
  GatewayOptions options{.listen = "127.0.0.1:0",
                         .shards = 1,
                         .keys = *KeySet::make({key}),
                         .answers_patience = std::chrono::milliseconds(50)};
  const test_support::LogLines lines;
  {
    const auto gateway = Gateway::start(log, nullptr, clock, registry, std::move(options));
    ASSERT_TRUE(gateway) << gateway.error().message;
  }
  EXPECT_NE(lines.text().find("1 requests to the log are given up"), std::string::npos)
      << lines.text();
  EXPECT_EQ(log.answer_all(), 1u) << "that it was started";
}

}  // namespace
}  // namespace signalbox::gateway
