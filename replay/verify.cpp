#include "replay/verify.hpp"

#include <algorithm>

#include "event-store/contract/identity.hpp"
#include "replay/log_check.hpp"

namespace signalbox::replay {
namespace {

constexpr std::int64_t kRowsPerRead = 4096;

void note_unreadable(const Error& error, std::int64_t row, Findings& findings) {
  findings.add({.kind = DamageKind::file_unreadable,
                .what = "behind row " + std::to_string(row) + ": " + error.message});
}

}  // namespace

Result<VerifyReport> verify_log(event_store::LogReader& log, const VerifyOptions& options,
                                const Watch& watch) {
  VerifyReport report;
  report.findings =
      Findings(options.findings_max,
               options.user && options.only_his_findings ? options.user->value() : std::string());
  const auto witnessed = log.rows_witnessed();
  auto counters = log.counters();
  if (!counters) return tl::unexpected(counters.error());
  const std::int64_t rows = (*counters)[event_store::kRowsCounter];
  LogCheck check(log, options, report);
  const auto visit = [&check](const event_store::StoredRow& row) { check.check(row); };

  std::optional<TopicPartition> only;
  if (options.user)
    only = TopicPartition{Topic::events,
                          event_store::partition_of(*options.user, log.describe().partitions)};
  const std::int64_t place = only ? event_store::place_number(*only) : 0;
  const std::int64_t total = only ? (*counters)[place] : rows;
  for (std::int64_t done = 0; done < total;) {
    if (!watch({done, total})) return failure(Errc::stopped, "interrupted");
    const std::int64_t most = std::min(kRowsPerRead, total - done);
    const auto last = only ? log.scan(*only, Offset(done), most, visit)
                           : log.scan(done, total, kRowsPerRead, visit);
    if (!last) note_unreadable(last.error(), done, report.findings);
    if (!last || !*last) break;
    done = only ? **last + 1 : **last;
  }
  if (only) {
    const std::int64_t next = (*counters)[place];
    counters->clear();
    counters->emplace(place, next);
  }
  check.finish(*counters);
  check_length(log, witnessed, rows, report.findings);
  return report;
}

}  // namespace signalbox::replay
