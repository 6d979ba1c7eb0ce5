#include "event-store/log/log_scan.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

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

class LogPass {
 public:
  LogPass(EventLog& log, const std::vector<LogScan>& scans)
      : log_(log),
        at_{Topic::events, scans.front().partition},
        scans_(scans),
        position_(scans.front().from),
        results_(scans.size()),
        found_bytes_(scans.size()) {
    for (std::size_t i = 1; i < scans.size(); ++i)
      if (scans[i].from.next_offset >= position_.next_offset)
        joining_.emplace(scans[i].from.next_offset, i);
  }

  std::vector<std::optional<LogScanResult>> run() && {
    if (is_begun()) read_on();
    while (!ends_.empty()) close(ends_.begin());
    return std::move(results_);
  }

 private:
  using Ends = std::multimap<Offset, std::size_t>;  // open scans by their `until`

  // False: the first one has its result, and there is no place to begin at.
  bool is_begun() {
    const LogScan& first = scans_.front();
    LogScanResult result{{}, first.from};
    if (!first.from_is_proven) {
      const auto own = position_at(log_, first.partition, first.from.next_offset);
      if (!own)
        result.error = own.error();
      else
        result.misfit = !is_at(first.from, *own);
    }
    if (result.error) note_oldest(result);
    const bool is_open = !result.error && !result.misfit;
    results_.front() = std::move(result);
    if (is_open) open(0);
    return is_open;
  }

  void read_on() {
    std::size_t read_bytes = 0;
    join_up_to(position_.next_offset);
    while (!ends_.empty() && read_bytes < scans_.front().read_bytes_max) {
      const auto records = log_.read(at_, position_.next_offset, {});
      if (!records) return fail(records.error());
      if (records->empty()) return end_all();
      for (const RecordPtr& record : *records) {
        join_up_to(record->offset);
        end_up_to(record->offset);
        if (ends_.empty()) return;
        const Judged judged = fold(position_, *record);
        read_bytes += size_bytes(*record);
        if (judged.verdict == Verdict::corrupt) return misfit_all();
        if (judged.verdict == Verdict::valid && record->key) take(record);
      }
    }
  }

  static bool is_at(const Position& from, const Position& own) {
    return own.epoch == from.epoch && own.owner_seq == from.owner_seq;
  }

  void open(std::size_t i) {
    const auto end = ends_.emplace(scans_[i].until, i);
    open_.emplace(scans_[i].user.value(), end);
  }
  void close(Ends::iterator end) {
    const std::size_t i = end->second;
    LogScanResult& result = *results_[i];
    if (position_.next_offset > result.reached.next_offset) result.reached = position_;
    const auto [first, last] = open_.equal_range(scans_[i].user.value());
    open_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == end; }));
    ends_.erase(end);
  }

  // Everything before `offset` is folded.
  void join_up_to(Offset offset) {
    while (!joining_.empty() && joining_.begin()->first <= offset) {
      const std::size_t i = joining_.begin()->second;
      joining_.erase(joining_.begin());
      const LogScan& scan = scans_[i];
      // Either of the two may be wrong about the log: it is judged in a pass that begins with it.
      if (!is_at(scan.from, position_)) continue;
      results_[i] = LogScanResult{{}, scan.from};
      open(i);
    }
  }
  // What comes next is at `offset`.
  void end_up_to(Offset offset) {
    while (!ends_.empty() && ends_.begin()->first <= offset) {
      const auto end = ends_.begin();
      LogScanResult& result = *results_[end->second];
      const Offset until = end->first;
      close(end);
      result.reached.next_offset = until;
    }
  }
  void end_all() {
    if (!joining_.empty()) join_up_to(joining_.rbegin()->first);
    if (!ends_.empty()) end_up_to(ends_.rbegin()->first);
  }
  void fail(const Error& error) {
    for (const auto& [until, i] : ends_) {
      results_[i]->error = error;
      note_oldest(*results_[i]);
    }
  }
  void misfit_all() {
    for (const auto& [until, i] : ends_) results_[i]->misfit = true;
  }
  void note_oldest(LogScanResult& result) {
    if (result.error->code != Errc::not_found) return;
    if (!oldest_) oldest_ = find_oldest_position(log_, at_.partition);
    if (*oldest_) result.oldest = **oldest_;
  }
  void take(const RecordPtr& record) {
    const auto [first, last] = open_.equal_range(*record->key);
    for (auto one = first; one != last;) {
      const auto end = (one++)->second;  // close() forgets it
      const std::size_t i = end->second;
      results_[i]->events.push_back(record);
      found_bytes_[i] += size_bytes(*record);
      if (found_bytes_[i] >= scans_[i].found_bytes_max) close(end);
    }
  }

  EventLog& log_;
  const TopicPartition at_;
  const std::vector<LogScan>& scans_;
  Position position_;
  std::vector<std::optional<LogScanResult>> results_;
  std::vector<std::size_t> found_bytes_;
  std::multimap<Offset, std::size_t> joining_;  // by where
  Ends ends_;
  std::unordered_multimap<std::string_view, Ends::iterator> open_;  // by user
  std::optional<Result<Position>> oldest_;
};

}  // namespace

LogScanResult scan_log(EventLog& log, const LogScan& scan) {
  return *std::move(scan_log_together(log, {scan}).front());
}

std::vector<std::optional<LogScanResult>> scan_log_together(EventLog& log,
                                                            const std::vector<LogScan>& scans) {
  if (scans.empty()) return {};
  return LogPass(log, scans).run();
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
