#include "ops/doctor/log_checks.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "replay/verify_newest.hpp"

namespace signalbox::doctor {
namespace {

namespace fs = std::filesystem;
using event_store::LogReader;
using event_store::StoredRow;
using replay::DamageKind;
using replay::VerifyReport;

constexpr std::size_t kNamed = 3;  // findings of one check
// Those of the length come last, behind whatever else is damaged.
constexpr std::size_t kFindingsMax = 100'000;
constexpr std::uintmax_t kLongWriteAheadLog = 256U << 20;
constexpr std::chrono::hours kGrowthSeen{24};
constexpr std::chrono::minutes kGrowthSeenMin{10};
constexpr std::chrono::hours kGrowthTells{12};
constexpr std::int64_t kRowsSampled = 1000;
constexpr double kBytesPerRow = 120;  // of checksum, numbers and indexes, beside what it holds
constexpr std::int64_t kRoomFault = 64LL << 20;
constexpr std::int64_t kRoomWarning = 1LL << 30;
constexpr double kDaysFault = 1;
constexpr double kDaysWarning = 7;

// Only what is damaged is replaced: what cannot be read here, or by this release, may be whole.
std::string mend_of(const Error& error, const std::string& data, std::optional<pid_t> holder) {
  switch (error.code) {
    case Errc::corrupt:
    case Errc::not_found: return restore_command(data, holder);
    case Errc::bad_config:
      return "signalbox --version  # install the one that wrote it, or name the folder that is "
             "meant";
    case Errc::unavailable: return "fuser -v " + shell_word(data + "/log.db");
    default: break;
  }
  if (::faccessat(AT_FDCWD, (data + "/log.db").c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES)
    return "sudo -u \"$(stat -c %U " + shell_word(data) + ")\" signalbox doctor --data " +
           shell_word(data) + "  # and the other words of this command";
  return "sudo dmesg | tail -n 50  # what the disk says";
}

bool is_of_length(DamageKind kind) {
  return kind == DamageKind::log_shorter_than_it_was || kind == DamageKind::tail_missing ||
         kind == DamageKind::row_beyond_the_end;
}

std::string list_of(const VerifyReport& report, bool of_length) {
  std::string text;
  std::size_t named = 0;
  for (const replay::Finding& finding : report.findings.kept())
    if (is_of_length(finding.kind) == of_length && named++ < kNamed)
      text += (text.empty() ? "" : "; ") + replay::to_text(finding);
  if (named > kNamed) text += "; and " + std::to_string(named - kNamed) + " more";
  return text;
}

std::uintmax_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

// Of a database and its write-ahead log.
double size_of_database(const std::string& path) {
  return static_cast<double>(size_of(path) + size_of(path + "-wal"));
}

double size_of_archive(const std::string& data) {
  double bytes = 0;
  std::error_code error;
  for (fs::directory_iterator file(data + "/archive", error);
       !error && file != fs::directory_iterator(); file.increment(error))
    if (file->path().extension() == ".db") bytes += size_of_database(file->path().string());
  return bytes;
}

// The first row that was written at or after `when`; rows lie in the order of their time.
Result<std::int64_t> first_row_since(LogReader& log, std::int64_t rows, Timestamp when) {
  std::int64_t low = 0;
  std::int64_t high = rows;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    std::optional<Timestamp> time;
    const auto found =
        log.scan(middle, rows, 1, [&](const StoredRow& row) { time = row.appended_at; });
    if (!found) return tl::unexpected(found.error());
    if (time && *time < when)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

struct Sample {
  std::int64_t rows = 0;
  double bytes = 0;
  std::optional<Timestamp> first{};
  std::optional<Timestamp> last{};

  void add(const StoredRow& row) {
    ++rows;
    bytes +=
        static_cast<double>(row.key.value_or("").size() + row.headers.size() + row.value.size()) +
        kBytesPerRow;
    if (!first) first = row.appended_at;
    last = row.appended_at;
  }
};

std::string days_text(double days) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), days < 10 ? "%.1f" : "%.0f", days);
  return text.data();
}

// Where the log has no witness of how long it was.
Finding judge_missing_head(const Subject& subject, std::optional<pid_t> holder) {
  const std::string path = subject.data + "/head";
  const std::string who_knows =
      "whether the newest rows were removed with it, `signalbox replay verify` tells by archive, "
      "snapshots and anchors";
  const auto and_serve = [&](const std::string& command) {
    return holder ? once_ended(subject.data, *holder, command) + " && " + subject.serve_command
                  : command;
  };
  std::error_code ignored;
  if (fs::exists(path, ignored))
    return fault("log-length",
                 path +
                     ", which says how long the log was, is damaged, of another log, or cannot "
                     "be read",
                 "a service does not start; " + who_knows,
                 and_serve("mv " + shell_word(path) + ' ' + shell_word(path + ".aside")));
  return warning("log-length", path + ", which says how long the log was, is missing", who_knows,
                 holder ? and_serve("true") : subject.serve_command + "  # makes it again");
}

Finding judge_length(const Subject& subject, const LogReader& log, const VerifyReport& report,
                     std::optional<pid_t> holder) {
  const std::string restore = restore_command(subject.data, holder);
  const std::string shorter = list_of(report, true);
  if (!shorter.empty())
    return fault("log-length", shorter, "what was acknowledged is gone; a service does not start",
                 restore);
  if (report.findings.count() > static_cast<std::int64_t>(report.findings.kept().size()))
    return fault("log-length", "so much is damaged that its length was not judged",
                 "what was acknowledged may be gone", restore);
  if (!log.rows_witnessed()) return judge_missing_head(subject, holder);
  return ok("log-length", "the log is as long as the file head beside it and its own counters say");
}

}  // namespace

Finding judge_log_file(const Subject& subject, const Result<LogReader>& log,
                       std::optional<pid_t> holder) {
  if (!log && log.error().code == Errc::not_found) {
    std::error_code ignored;
    if (!fs::exists(subject.data + "/head", ignored))
      return ok("log-file", "there is no log in " + subject.data + " yet; serve makes it");
    return fault("log-file",
                 subject.data + "/log.db is missing, and the file head beside it says it was there",
                 "everything that was ever acknowledged is in it; a service does not start",
                 restore_command(subject.data, holder));
  }
  if (!log)
    return fault("log-file", log.error().message,
                 "everything that was ever acknowledged is in it; a service does not start",
                 mend_of(log.error(), subject.data, holder));
  const auto& description = log->describe();
  if (subject.partitions != 0 && subject.partitions != description.partitions)
    return fault("log-file",
                 "the log has " + std::to_string(description.partitions) +
                     " partitions, and log.partitions wants " + std::to_string(subject.partitions),
                 "their number is fixed for life; a service does not start",
                 subject.serve_command + "  # without log.partitions in file and environment");
  return ok("log-file", "log " + description.log_id.value().to_string() + " with " +
                            std::to_string(description.partitions) + " partitions, " +
                            bytes_text(size_of_database(log->path())));
}

std::vector<Finding> check_records(const Subject& subject, LogReader& log,
                                   std::optional<pid_t> holder, const replay::Watch& watch) {
  const std::string restore = restore_command(subject.data, holder);
  const auto report =
      replay::verify_newest(log, subject.newest_records, {.findings_max = kFindingsMax}, watch);
  if (!report && report.error().code == Errc::stopped) return {};
  if (!report)
    return {fault("log-chain", report.error().message, "the log cannot be read",
                  mend_of(report.error(), subject.data, holder))};
  const std::string damaged = list_of(*report, false);
  const std::string seen = "of the newest " + std::to_string(subject.newest_records) +
                           " records of each topic and partition";
  return {judge_length(subject, log, *report, holder),
          damaged.empty()
              ? ok("log-chain", seen + " (" + std::to_string(report->rows) + " in all, " +
                                    std::to_string(report->events) +
                                    " events) checksums, epochs, seq and chains fit")
              : fault("log-chain", seen + ": " + damaged,
                      "history was changed on the disk or by somebody; its users cannot be served "
                      "beyond it (`signalbox replay verify` names every damage)",
                      restore)};
}

Finding check_write_ahead_log(const Subject& subject, bool is_running) {
  const std::string path = subject.data + "/log.db-wal";
  const auto bytes = size_of(path);
  const std::string what = path + " has " + bytes_text(static_cast<double>(bytes));
  if (bytes > kLongWriteAheadLog && is_running)
    return warning(
        "write-ahead-log", what,
        "something holds an older state of the log open, so that it cannot be moved into "
        "log.db; it grows until that ends",
        "fuser -v " + shell_word(subject.data + "/log.db"));
  if (bytes > 0 && !is_running)
    return ok("write-ahead-log", what +
                                     ": the last service did not end in order, or somebody "
                                     "looks at the log; the next start takes it in");
  return ok("write-ahead-log", bytes == 0 ? "empty" : what);
}

Result<std::optional<Timestamp>> newest_time(LogReader& log) {
  const auto rows = log.rows_written();
  if (!rows) return tl::unexpected(rows.error());
  std::optional<Timestamp> newest;
  const auto scanned = log.scan(std::max<std::int64_t>(0, *rows - kRowsSampled), *rows,
                                kRowsSampled, [&](const StoredRow& row) {
                                  if (!newest || row.appended_at > *newest)
                                    newest = row.appended_at;
                                });
  if (!scanned) return tl::unexpected(scanned.error());
  return newest;
}

Result<std::optional<LogGrowth>> measure_growth(const Subject& subject, LogReader& log,
                                                Timestamp now) {
  const auto rows = log.rows_written();
  if (!rows) return tl::unexpected(rows.error());
  const auto first = first_row_since(log, *rows, now - kGrowthSeen);
  if (!first) return tl::unexpected(first.error());
  // What is looked at lies evenly in between.
  constexpr std::int64_t kPlaces = 20;
  const std::int64_t count = *rows - *first;
  Sample sample;
  for (std::int64_t place = 0; place < std::min(kPlaces, count); ++place) {
    const std::int64_t at = *first + count * place / std::min(kPlaces, count);
    const auto scanned =
        log.scan(at, *rows, kRowsSampled / kPlaces, [&](const StoredRow& row) { sample.add(row); });
    if (!scanned) return tl::unexpected(scanned.error());
  }
  if (!sample.first) return std::optional<LogGrowth>();
  const auto seen = std::chrono::duration_cast<std::chrono::minutes>(now - *sample.first);
  if (seen < kGrowthSeenMin) return std::optional<LogGrowth>();
  const double log_bytes = size_of_database(log.path());
  const double copies = log_bytes > 0 ? 1 + size_of_archive(subject.data) / log_bytes : 1;
  const double per_row = sample.bytes / static_cast<double>(sample.rows);
  const double days =
      std::chrono::duration<double, std::ratio<86'400>>(now - *sample.first).count();
  return std::optional(LogGrowth{per_row * copies * static_cast<double>(count) / days, seen});
}

Result<DiskRoom> measure_room(const std::string& folder) {
  struct statvfs status {};
  if (::statvfs(folder.c_str(), &status) != 0)
    return failure(Errc::io_error, "cannot look at " + folder + ": " + std::strerror(errno));
  return DiskRoom{
      static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize),
      status.f_files == 0 ? -1 : static_cast<std::int64_t>(status.f_favail)};
}

Finding judge_disk_space(const Result<DiskRoom>& room, const std::optional<LogGrowth>& growth,
                         const Mount& mount, const std::string& why) {
  const std::string mend =
      "sudo du -xh --max-depth=3 " + shell_word(mount.point) + " | sort -h | tail -n 20";
  if (!room) return fault("disk-space", room.error().message, why, mend);
  std::string what =
      bytes_text(static_cast<double>(room->bytes)) + " are free on " + to_text(mount);
  if (room->inodes >= 0 && room->inodes < 100)
    return fault("disk-space", what + ", but only " + std::to_string(room->inodes) + " inodes", why,
                 mend);
  const double days = growth && growth->bytes_per_day > 0
                          ? static_cast<double>(room->bytes) / growth->bytes_per_day
                          : 1e9;
  if (growth)
    what += "; log and archive grow by " + bytes_text(growth->bytes_per_day) +
            " a day (seen over " + std::to_string(growth->seen.count()) + " min)";
  if (days < 100'000) what += ", which is room for " + days_text(days) + " days";
  // What a burst of some minutes makes of a day is no reason to wake anybody.
  const bool is_told = growth && growth->seen >= kGrowthTells;
  if (room->bytes < kRoomFault || (is_told && days < kDaysFault))
    return fault("disk-space", what, why, mend);
  if (room->bytes < kRoomWarning || days < kDaysWarning)
    return warning("disk-space", what, why, mend);
  return ok("disk-space", what);
}

}  // namespace signalbox::doctor
