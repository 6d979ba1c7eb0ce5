// CountedReads: a log that counts what is asked of it and, for who asks it to, does not answer for
// one partition: what asks for its bounds, or for its records, waits; all else goes through.
// Thread: any. The log it stands before outlives it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "event-store/log/event_log.hpp"

namespace signalbox::router {

class CountedReads final : public event_store::EventLog {
 public:
  explicit CountedReads(event_store::EventLog& log) : log_(log) {}

  [[nodiscard]] event_store::LogDescription describe() const override { return log_.describe(); }
  void append(TopicPartition at, NewRecord record, Executor& where,
              event_store::AppendDone done) override {
    log_.append(at, std::move(record), where, std::move(done));
  }
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition at, Offset from,
                                                        Executor& where,
                                                        event_store::TailSink& sink) override {
    if (at.topic == Topic::events && from == Offset(0)) ++tails_from_start;
    return log_.tail(at, from, where, sink);
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    event_store::ReadLimits limits) override {
    if (at.topic == Topic::events) ++event_pages;
    {
      std::unique_lock lock(mutex_);
      answering_.wait(lock, [&] { return withheld_ != at.partition; });
    }
    return log_.read(at, from, limits);
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    if (at.topic == Topic::events) ++event_bounds;
    return log_.bounds(at);
  }
  void ask_bounds(TopicPartition at, Executor& where, event_store::BoundsDone done) override {
    std::function<void()> ask = [this, at, &where, done = std::move(done)] {
      EventLog::ask_bounds(at, where, done);
    };
    {
      const std::lock_guard lock(mutex_);
      if (silent_ == at.partition) return asked_.push_back(std::move(ask));
    }
    ask();
  }
  void ask_records(TopicPartition at, const std::vector<Offset>& offsets, Executor& where,
                   event_store::RecordsDone done) override {
    std::function<void()> ask = [this, at, offsets, &where, done = std::move(done)] {
      EventLog::ask_records(at, offsets, where, done);
    };
    {
      const std::lock_guard lock(mutex_);
      if (withheld_ == at.partition) return asked_.push_back(std::move(ask));
    }
    ask();
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string group, Executor& where, event_store::MembershipSink& sink) override {
    member = &sink;
    return log_.join(std::move(group), where, sink);
  }

  // Its bounds are not told from now on, until answer_all().
  void be_silent_about(Partition partition) {
    const std::lock_guard lock(mutex_);
    silent_ = partition;
  }
  // Its records are not given from now on, but to tails: read() blocks, until answer_all().
  void withhold_records_of(Partition partition) {
    const std::lock_guard lock(mutex_);
    withheld_ = partition;
  }
  void answer_all() {
    std::deque<std::function<void()>> asked;
    {
      const std::lock_guard lock(mutex_);
      silent_.reset();
      withheld_.reset();
      asked.swap(asked_);
    }
    answering_.notify_all();
    for (const auto& ask : asked) ask();
  }

  std::atomic<int> event_pages = 0;
  std::atomic<int> event_bounds = 0;
  std::atomic<int> tails_from_start = 0;
  // Who joined last, to be spoken to on its executor in the group's place.
  std::atomic<event_store::MembershipSink*> member = nullptr;

 private:
  event_store::EventLog& log_;
  std::mutex mutex_;
  std::condition_variable answering_;
  std::optional<Partition> silent_;  // guarded by mutex_, like all below
  std::optional<Partition> withheld_;
  std::deque<std::function<void()>> asked_;  // not answered yet
};

}  // namespace signalbox::router
