#include "ops/doctor/cache_checks.hpp"

#include "event-store/archive/archive_scan.hpp"
#include "event-store/snapshot/snapshot_reader.hpp"

namespace signalbox::doctor {
namespace {

constexpr std::int64_t kFarBehind = 10'000;  // records; the archive commits several times a second

// What is made anew needs no repair: it is removed, and the next start makes it from the log.
std::string remove_command(const Subject& subject, const std::string& path,
                           std::optional<pid_t> holder) {
  const std::string word = shell_word(path);
  const std::string remove =
      "rm -f " + word + ' ' + shell_word(path + "-wal") + ' ' + shell_word(path + "-shm");
  return holder ? once_ended(subject.data, *holder, remove) + " && " + subject.serve_command
                : remove;
}

}  // namespace

std::vector<Finding> check_archive(const Subject& subject, event_store::LogReader& log,
                                   std::optional<pid_t> holder) {
  const std::string folder = subject.data + "/archive";
  std::vector<Finding> findings;
  std::int64_t missing = 0;
  std::int64_t behind = 0;
  const std::int32_t partitions = log.describe().partitions;
  for (std::int32_t number = 0; number < partitions; ++number) {
    const Partition partition(number);
    const auto scan = event_store::ArchiveScan::open(folder, partition, log.describe().log_id);
    if (!scan && scan.error().code == Errc::not_found) {
      ++missing;
    } else if (!scan) {
      findings.push_back(
          fault("archive", scan.error().message,
                "history and search of its users fail; the log has everything that "
                "was in it",
                remove_command(subject, event_store::archive_path(folder, partition), holder)));
    } else if (const auto bounds = log.bounds({Topic::events, partition}); bounds) {
      const std::int64_t read_to = scan->complete_to().next_offset.value();
      if (read_to > bounds->end.value())
        findings.push_back(
            fault("archive",
                  scan->path() + " has read " + count_text(read_to, "record", "records") +
                      " of a partition of which the log has " + std::to_string(bounds->end.value()),
                  "the log has lost its newest records, or is an older one: what was acknowledged "
                  "is gone from it, and the archive may be all that has it",
                  restore_command(subject.data, holder)));
      behind += bounds->end.value() - read_to;
    }
  }
  if (!findings.empty()) return findings;
  if (missing == partitions && !holder)
    return {ok("archive", "none yet; serve makes it from the log")};
  if (missing > 0 && holder)
    return {fault("archive",
                  std::to_string(missing) + " of " + std::to_string(partitions) +
                      " partitions have no file in " + folder,
                  "the service writes into files that are not there any more; history fails",
                  once_ended(subject.data, *holder, "true") + " && " + subject.serve_command)};
  const std::string what = "files of " + std::to_string(partitions - missing) + " of " +
                           std::to_string(partitions) + " partitions, " + std::to_string(behind) +
                           " records behind the log";
  if (holder && behind > kFarBehind)
    return {warning("archive", what, "history and search show what was written before that",
                    "signalbox replay verify --data " + shell_word(subject.data))};
  return {ok("archive",
             what + (behind + missing > 0 && !holder ? "; the next start makes up for it" : ""))};
}

Finding check_snapshots(const Subject& subject, const LogId& log, std::optional<pid_t> holder) {
  const std::string path = subject.data + "/snapshots.db";
  std::int64_t keys = 0;
  std::int64_t damaged = 0;
  const auto scanned = event_store::SnapshotReader::open(path, log).and_then(
      [&](event_store::SnapshotReader reader) {
        return reader.scan([&](std::string_view, const Result<event_store::Snapshot>& snapshot) {
          ++(snapshot ? keys : damaged);
        });
      });
  const std::string remove = remove_command(subject, path, holder);
  if (scanned && damaged > 0)
    return warning("snapshots",
                   path + " has " + count_text(damaged, "snapshot", "snapshots") +
                       " that do not match their SHA-256, beside " + std::to_string(keys) +
                       " that do",
                   "the first answer to each of those users is slower", remove);
  if (scanned)
    return ok("snapshots", path + " has " + count_text(keys, "snapshot", "snapshots") +
                               ", and all match their SHA-256");
  if (scanned.error().code == Errc::not_found)
    return ok("snapshots", "none yet; serve makes them from the log");
  return fault("snapshots", scanned.error().message,
               "the first answer to each user is slower, since his history is folded again; the "
               "next start moves the file aside",
               remove);
}

}  // namespace signalbox::doctor
