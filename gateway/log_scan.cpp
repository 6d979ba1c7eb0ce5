#include "gateway/log_scan.hpp"

namespace signalbox::gateway {

LogScanResult scan_log(event_store::EventLog& log, const LogScan& scan) {
  LogScanResult result{{}, scan.from};
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
      const event_store::Judged judged = event_store::fold(result.reached, *record);
      read_bytes += size_bytes(*record);
      if (judged.verdict == event_store::Verdict::corrupt) {
        result.misfit = true;
        return result;
      }
      if (judged.verdict != event_store::Verdict::valid || record->key != scan.user.value())
        continue;
      result.events.push_back(record);
      found_bytes += size_bytes(*record);
      if (found_bytes >= scan.found_bytes_max) return result;
    }
  }
  return result;
}

}  // namespace signalbox::gateway
