// EventLogHistory: the history of a log that is asked for it, as one on Kafka; see history_log.hpp.
// It has a log of its own, so that what it reads delays nobody who reads the same partition.
// Memory: a batch, and what that log fetches ahead.
#pragma once

#include <memory>
#include <utility>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/log/history_log.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

class EventLogHistory final : public HistoryLog {
 public:
  explicit EventLogHistory(std::unique_ptr<EventLog> log)
      : log_(std::move(log)), description_(log_->describe()) {}

  [[nodiscard]] const LogDescription& describe() const override { return description_; }
  [[nodiscard]] Result<LogBounds> bounds(const TopicPartition& at) override;
  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    ReadLimits limits) override;
  [[nodiscard]] Result<std::optional<std::int64_t>> scan(const TopicPartition& at, Offset from,
                                                         std::int64_t rows_max,
                                                         const Visit& visit) override;

 private:
  std::unique_ptr<EventLog> log_;
  LogDescription description_;
};

// Of the log on Kafka, also one whose first records retention took. Errors: as KafkaEventLog::open.
[[nodiscard]] Result<std::unique_ptr<HistoryLog>> open_kafka_history(const KafkaOptions& kafka,
                                                                     const Clock& clock,
                                                                     Random& random);

}  // namespace signalbox::event_store
