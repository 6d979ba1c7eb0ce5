// HistoryLog: a log for whoever looks at what happened (replay, audit): the records of one
// partition in order, a batch at a time, whatever keeps them. Two implementations: LogReader (the
// files of an embedded log) and EventLogHistory (a log that is asked, as one on Kafka).
// Calls block. Thread: one at a time. Errors: those of EventLog::read().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/stored_row.hpp"

namespace signalbox::event_store {

class LogReader;

class HistoryLog {
 public:
  HistoryLog() = default;
  HistoryLog(HistoryLog&&) = default;
  HistoryLog& operator=(HistoryLog&&) = default;
  virtual ~HistoryLog() = default;

  [[nodiscard]] virtual const LogDescription& describe() const = 0;
  [[nodiscard]] virtual Result<LogBounds> bounds(const TopicPartition& at) = 0;
  // As EventLog::read: verified, none at the end.
  [[nodiscard]] virtual Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                            ReadLimits limits) = 0;
  // Visits records of one partition as they lie there, from an offset on and in the order of their
  // offsets, at most `rows_max`. The offset of the last one visited; nullopt: none was left.
  using Visit = std::function<void(const StoredRow&)>;
  [[nodiscard]] virtual Result<std::optional<std::int64_t>> scan(const TopicPartition& at,
                                                                 Offset from, std::int64_t rows_max,
                                                                 const Visit& visit) = 0;
  // The embedded log's own file, with what only it can tell: in which order the rows of all
  // partitions were written, their checksums, how many there were. Null elsewhere, where whoever
  // keeps the records checks their bytes, and offsets may have holes.
  [[nodiscard]] virtual LogReader* file() { return nullptr; }
};

// Any thread.
using OpenHistory = std::function<Result<std::unique_ptr<HistoryLog>>()>;

}  // namespace signalbox::event_store
