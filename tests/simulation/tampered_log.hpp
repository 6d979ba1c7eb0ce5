// TamperedLog: a log after somebody who may write its files has changed the content of one event,
// whose checksum and offset were made to fit. Reads only. One thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::simulation {

class TamperedLog final : public event_store::EventLog {
 public:
  TamperedLog(std::unique_ptr<event_store::EventLog> log, RecordPtr changed)
      : log_(std::move(log)), changed_(std::move(changed)) {}

  [[nodiscard]] event_store::LogDescription describe() const override { return log_->describe(); }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    return log_->bounds(at);
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    event_store::ReadLimits limits) override {
    auto records = log_->read(at, from, limits);
    if (!records || at != changed_->at) return records;
    for (RecordPtr& record : *records)
      if (record->offset == changed_->offset) record = changed_;
    return records;
  }

  void append(TopicPartition, NewRecord, Executor&, event_store::AppendDone) override {
    SIGNALBOX_ASSERT(false && "it is for reading");
  }
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition, Offset, Executor&,
                                                        event_store::TailSink&) override {
    SIGNALBOX_ASSERT(false && "it is for reading");
    return nullptr;
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string, Executor&, event_store::MembershipSink&) override {
    SIGNALBOX_ASSERT(false && "it is for reading");
    return nullptr;
  }

 private:
  std::unique_ptr<event_store::EventLog> log_;
  RecordPtr changed_;
};

}  // namespace signalbox::simulation
