#include "event-store/log/event_log.hpp"

namespace signalbox::event_store {

void EventLog::ask_records(TopicPartition at, const std::vector<Offset>& offsets, Executor& where,
                           RecordsDone done) {
  where.post([found = records_at(at, offsets), done = std::move(done)] { done(found); });
}

Result<std::vector<RecordPtr>> EventLog::records_at(const TopicPartition& at,
                                                    const std::vector<Offset>& offsets) {
  std::vector<RecordPtr> found;
  for (const Offset offset : offsets) {
    auto records = read(at, offset, {.records_max = 1});
    if (!records && is_retryable(records.error().code)) return tl::unexpected(records.error());
    const bool is_there = records && !records->empty() && records->front()->offset == offset;
    found.push_back(is_there ? std::move(records->front()) : nullptr);
  }
  return found;
}

}  // namespace signalbox::event_store
