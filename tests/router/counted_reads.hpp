// CountedReads: a log that counts what is asked of it; all else goes through. Thread: any. The
// log it stands before outlives it.
#pragma once

#include <atomic>

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
    return log_.read(at, from, limits);
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    if (at.topic == Topic::events) ++event_bounds;
    return log_.bounds(at);
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string group, Executor& where, event_store::MembershipSink& sink) override {
    return log_.join(std::move(group), where, sink);
  }

  std::atomic<int> event_pages = 0;
  std::atomic<int> event_bounds = 0;
  std::atomic<int> tails_from_start = 0;

 private:
  event_store::EventLog& log_;
};

}  // namespace signalbox::router
