#include "event-store/log/log_scan.hpp"

#include "event-store/contract/identity.hpp"
#include "event-store/log/partition_reader.hpp"

namespace signalbox::event_store {

namespace {

// The log's own position at an offset: folded from the nearest one before it that can be trusted.
Result<Position> position_at(EventLog& log, Partition partition, Offset offset) {
  auto position = find_start_position(log, partition, offset);
  bool is_cut = false;
  while (position && position->next_offset < offset) {
    const auto records = log.read({Topic::events, partition}, position->next_offset, {});
    if (!records && records.error().code == Errc::not_found && !is_cut) {
      // What states the first position that is left may lie behind it.
      is_cut = true;
      position = find_oldest_position(log, partition);
      if (position && position->next_offset > offset) return tl::unexpected(records.error());
      continue;
    }
    if (!records) return tl::unexpected(records.error());
    if (records->empty()) break;
    for (const RecordPtr& record : *records) {
      if (record->offset >= offset) return position;
      if (fold(*position, *record).verdict == Verdict::corrupt)
        return failure(Errc::corrupt, "an event of an epoch nobody has claimed");
    }
  }
  return position;
}

}  // namespace

LogScanResult scan_log(EventLog& log, const LogScan& scan) {
  LogScanResult result{{}, scan.from};
  if (!scan.from_is_proven) {
    const auto own = position_at(log, scan.partition, scan.from.next_offset);
    if (!own)
      result.error = own.error();
    else
      result.misfit = own->epoch != scan.from.epoch || own->owner_seq != scan.from.owner_seq;
    if (result.error || result.misfit) return result;
  }
  std::size_t found_bytes = 0;
  std::size_t read_bytes = 0;
  while (read_bytes < scan.read_bytes_max && found_bytes < scan.found_bytes_max &&
         result.reached.next_offset < scan.until) {
    const auto records = log.read({Topic::events, scan.partition}, result.reached.next_offset, {});
    if (!records) {
      result.error = records.error();
      return result;
    }
    if (records->empty()) {
      result.reached.next_offset = scan.until;
      return result;
    }
    for (const RecordPtr& record : *records) {
      if (record->offset >= scan.until) {
        result.reached.next_offset = scan.until;
        return result;
      }
      const Judged judged = fold(result.reached, *record);
      read_bytes += size_bytes(*record);
      if (judged.verdict == Verdict::corrupt) {
        result.misfit = true;
        return result;
      }
      if (judged.verdict != Verdict::valid || record->key != scan.user.value()) continue;
      result.events.push_back(record);
      found_bytes += size_bytes(*record);
      if (found_bytes >= scan.found_bytes_max) return result;
    }
  }
  return result;
}

bool may_hold(EventLog& log, Partition partition, const Position& from, Offset until,
              std::size_t read_bytes_max, const std::function<bool(const Record&)>& concerns) {
  Position position = from;
  std::size_t read_bytes = 0;
  while (position.next_offset < until) {
    const auto records = log.read({Topic::events, partition}, position.next_offset, {});
    if (!records || read_bytes >= read_bytes_max) return true;
    if (records->empty()) return false;
    for (const RecordPtr& record : *records) {
      if (record->offset >= until) return false;
      const Judged judged = fold(position, *record);
      read_bytes += size_bytes(*record);
      if (judged.verdict == Verdict::corrupt) return true;
      if (judged.verdict == Verdict::valid && concerns(*record)) return true;
    }
  }
  return false;
}

bool may_lack_events(EventLog& log, const UserId& user, const Position& complete_to, Offset until,
                     std::size_t read_bytes_max) {
  return may_hold(log, partition_of(user, log.describe().partitions), complete_to, until,
                  read_bytes_max,
                  [&user](const Record& event) { return event.key == user.value(); });
}

}  // namespace signalbox::event_store
