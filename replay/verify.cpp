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

// One file: all its rows, or of one partition those of its events.
Result<void> read_file(event_store::LogReader& file, std::optional<TopicPartition> only,
                       LogCheck& check, VerifyReport& report, const Watch& watch) {
  const auto witnessed = file.rows_witnessed();
  auto counters = file.counters();
  if (!counters) return tl::unexpected(counters.error());
  const auto visit = [&check](const event_store::StoredRow& row) { check.check(row); };
  const std::int64_t rows = (*counters)[event_store::kRowsCounter];
  const std::int64_t place = only ? event_store::place_number(*only) : 0;
  const std::int64_t total = only ? (*counters)[place] : rows;
  for (std::int64_t done = 0; done < total;) {
    if (!watch({done, total})) return failure(Errc::stopped, "interrupted");
    const std::int64_t most = std::min(kRowsPerRead, total - done);
    const auto last = only ? file.scan(*only, Offset(done), most, visit)
                           : file.scan(done, total, kRowsPerRead, visit);
    check.settle();
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
  check_length(file, witnessed, rows, report.findings);
  return {};
}

struct Stretch {
  TopicPartition at;
  event_store::LogBounds bounds;
};

// What it has read so far is in `done`, of `total`. A record that cannot be read ends it.
Result<void> read_stretch(event_store::HistoryLog& log, const Stretch& stretch, LogCheck& check,
                          VerifyReport& report, Progress& progress, const Watch& watch) {
  const auto visit = [&](const event_store::StoredRow& row) {
    if (row.offset < stretch.bounds.end) check.check(row);
  };
  for (Offset next = stretch.bounds.first; next < stretch.bounds.end;) {
    if (!watch(progress)) return failure(Errc::stopped, "interrupted");
    const auto last = log.scan(stretch.at, next, kRowsPerRead, visit);
    check.settle();
    if (!last && last.error().code != Errc::corrupt) return tl::unexpected(last.error());
    if (!last)
      report.findings.add({.kind = DamageKind::file_unreadable,
                           .at = stretch.at,
                           .offset = next,
                           .what = last.error().message});
    if (!last || !*last) break;
    progress.done += **last + 1 - next.value();
    next = Offset(**last + 1);
  }
  return {};
}

Result<void> read_partitions(event_store::HistoryLog& log, std::optional<TopicPartition> only,
                             LogCheck& check, VerifyReport& report, const Watch& watch) {
  std::vector<Stretch> stretches;
  Progress progress{0, 0};
  for (std::int32_t number = 0; number < log.describe().partitions; ++number) {
    const TopicPartition at{Topic::events, Partition(number)};
    if (only && at != *only) continue;
    const auto bounds = log.bounds(at);
    if (!bounds) return tl::unexpected(bounds.error());
    stretches.push_back({at, *bounds});
    progress.total += bounds->end.value() - bounds->first.value();
    if (bounds->first > Offset(0)) check.begin_behind({at, bounds->first});
  }
  for (const Stretch& stretch : stretches)
    if (auto done = read_stretch(log, stretch, check, report, progress, watch); !done) return done;
  check.finish({});
  return {};
}

}  // namespace

Result<VerifyReport> verify_log(event_store::HistoryLog& log, const VerifyOptions& options,
                                const Watch& watch) {
  VerifyReport report;
  report.findings =
      Findings(options.findings_max,
               options.user && options.only_his_findings ? options.user->value() : std::string());
  LogCheck check(log, options, report);
  std::optional<TopicPartition> only;
  if (options.user)
    only = TopicPartition{Topic::events,
                          event_store::partition_of(*options.user, log.describe().partitions)};
  const auto read = log.file() != nullptr ? read_file(*log.file(), only, check, report, watch)
                                          : read_partitions(log, only, check, report, watch);
  if (!read) return tl::unexpected(read.error());
  return report;
}

}  // namespace signalbox::replay
