#include "replay/verify_newest.hpp"

#include <algorithm>
#include <optional>

#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "replay/log_check.hpp"

namespace signalbox::replay {
namespace {

using event_store::LogReader;
using event_store::Position;
using event_store::StoredRow;

constexpr std::int64_t kRowsPerRead = 1024;

// Where a reader may begin by what this row says; none where it is no checkpoint.
std::optional<Position> begin_of(const StoredRow& row, const TopicPartition& at) {
  if (row.key) return std::nullopt;
  const RecordPtr record = event_store::verified_record(row, at);
  if (!record) return std::nullopt;
  const auto control = event_store::decode_control(*record);
  if (!control) return std::nullopt;
  const auto* const checkpoint = std::get_if<PartitionCheckpoint>(&control->data);
  if (checkpoint == nullptr) return std::nullopt;
  const FoldPoint& fold = checkpoint->fold_at;
  return Position{fold.offset, fold.epoch, fold.claim_id, fold.owner_seq};
}

// The newest position at or before `offset` that a checkpoint states, found by going back.
Position begin_before(LogReader& log, const TopicPartition& at, Offset offset) {
  Position begin;
  for (std::int64_t to = offset.value(); to > 0 && begin.next_offset == Offset(0);) {
    const std::int64_t from = std::max<std::int64_t>(0, to - kRowsPerRead);
    const auto scanned = log.scan(at, Offset(from), to - from, [&](const StoredRow& row) {
      const auto stated = row.offset < offset ? begin_of(row, at) : std::nullopt;
      if (stated && stated->next_offset <= offset) begin = *stated;
    });
    if (!scanned) break;  // named when the rows are judged
    to = from;
  }
  return begin;
}

}  // namespace

Result<VerifyReport> verify_newest(LogReader& log, std::int64_t records,
                                   const VerifyOptions& options, const Watch& watch) {
  SIGNALBOX_ASSERT(!options.user && options.observers.empty());
  VerifyReport report;
  report.findings = Findings(options.findings_max);
  const auto witnessed = log.rows_witnessed();
  const auto counters = log.counters();
  if (!counters) return tl::unexpected(counters.error());
  LogCheck check(log, options, report);
  std::int64_t places = 0;
  for (const auto& [place, end] : *counters) {
    ++places;
    const auto at = event_store::place_of(place, log.describe().partitions);
    if (!at) continue;
    // What is appended meanwhile is none of ours.
    const auto visit = [&check, end = Offset(end)](const StoredRow& row) {
      if (row.offset < end) check.check(row);
    };
    std::int64_t next = std::max<std::int64_t>(0, end - records);
    if (at->topic == Topic::events) {
      const Position begin = begin_before(log, *at, Offset(next));
      check.begin_at(at->partition, begin);
      next = begin.next_offset.value();
    }
    while (next < end) {
      if (!watch({places, static_cast<std::int64_t>(counters->size())}))
        return failure(Errc::stopped, "interrupted");
      const auto last = log.scan(*at, Offset(next), std::min(kRowsPerRead, end - next), visit);
      check.settle();
      if (!last)
        report.findings.add({.kind = DamageKind::file_unreadable,
                             .at = *at,
                             .offset = Offset(next),
                             .what = last.error().message});
      if (!last || !*last) break;
      next = **last + 1;
    }
  }
  check.finish(*counters);
  const auto rows = counters->find(event_store::kRowsCounter);
  check_length(log, witnessed, rows == counters->end() ? 0 : rows->second, report.findings);
  return report;
}

}  // namespace signalbox::replay
