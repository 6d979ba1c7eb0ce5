#include "event-store/log/event_log_history.hpp"

#include <algorithm>

#include "event-store/log/kafka_event_log.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::size_t kFetchAheadBytes = 4U << 20;
constexpr std::size_t kReadersMax = 2;  // partitions are read one after the other

}  // namespace

Result<LogBounds> EventLogHistory::bounds(const TopicPartition& at) { return log_->bounds(at); }

Result<std::vector<RecordPtr>> EventLogHistory::read(const TopicPartition& at, Offset from,
                                                     ReadLimits limits) {
  return log_->read(at, from, limits);
}

Result<std::optional<std::int64_t>> EventLogHistory::scan(const TopicPartition& at, Offset from,
                                                          std::int64_t rows_max,
                                                          const Visit& visit) {
  ReadLimits limits;
  limits.records_max = static_cast<std::size_t>(
      std::clamp<std::int64_t>(rows_max, 1, static_cast<std::int64_t>(limits.records_max)));
  const auto records = log_->read(at, from, limits);
  if (!records) return tl::unexpected(records.error());
  std::optional<std::int64_t> last;
  for (const RecordPtr& record : *records) {
    StoredRow row{.number = record->offset.value(),
                  .place = place_number(at),
                  .offset = record->offset,
                  .appended_at = record->appended_at,
                  .key = std::nullopt,
                  .headers = record->headers.bytes(),
                  .value = record->value,
                  .sha256 = {}};
    if (record->key) row.key = *record->key;
    visit(row);
    last = record->offset.value();
  }
  return last;
}

Result<std::unique_ptr<HistoryLog>> open_kafka_history(const KafkaOptions& kafka,
                                                       const Clock& clock, Random& random) {
  auto log = KafkaEventLog::open(
      {.kafka = kafka, .fetch_ahead_bytes = kFetchAheadBytes, .readers_max = kReadersMax}, clock,
      random);
  if (!log) return tl::unexpected(log.error());
  return std::make_unique<EventLogHistory>(*std::move(log));
}

}  // namespace signalbox::event_store
