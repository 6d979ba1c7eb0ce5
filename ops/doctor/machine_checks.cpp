#include "ops/doctor/machine_checks.hpp"

#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

#include "event-store/model/timestamp.hpp"

namespace signalbox::doctor {
namespace {

constexpr std::chrono::seconds kClockLeeway{2};
constexpr std::uint64_t kOwnFiles = 256;    // log, archive, pages: beside the sockets
constexpr double kSocketBytes = 32 * 1024;  // of a socket that is quiet
constexpr double kBaseBytes = 128.0 * (1 << 20);

std::string first_word_of(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// `0::/system.slice/signalbox.service` of version 2; empty where it is in the root, or unknown.
std::string group_in(const std::string& membership) {
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("0::/")) return line.substr(4);
  return "";
}

void limit_by_group(MachineSize& size, const std::string& folder) {
  std::ifstream quota(folder + "/cpu.max");
  double share = 0;
  double period = 0;
  if (quota >> share >> period && period > 0) size.cores = std::min(size.cores, share / period);
  std::istringstream memory(first_word_of(folder + "/memory.max"));
  if (double bytes = 0; memory >> bytes) size.memory_bytes = std::min(size.memory_bytes, bytes);
}

}  // namespace

Finding judge_clock(Timestamp now, std::optional<Timestamp> newest) {
  if (!newest) return ok("clock", "it is " + signalbox::to_text(now) + ", and the log is empty");
  if (now + kClockLeeway < *newest)
    return fault("clock",
                 "it is " + signalbox::to_text(now) + ", and the newest record was written at " +
                     signalbox::to_text(*newest),
                 "the clock was put back: tokens are good for longer than their issuer meant, and "
                 "what is written now carries the older record's time",
                 "sudo timedatectl set-ntp true  # or: sudo chronyc makestep");
  return ok("clock", "it is " + signalbox::to_text(now) + ", and the newest record is older");
}

std::optional<ClockSync> read_clock_sync() {
  timex state{};
  const int answer = ::adjtimex(&state);
  if (answer < 0) return std::nullopt;
  return ClockSync{answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0,
                   std::chrono::microseconds(state.maxerror)};
}

Finding judge_clock_sync(const std::optional<ClockSync>& sync) {
  const std::string mend = "sudo timedatectl set-ntp true";
  if (!sync)
    return warning("clock-sync", "the kernel does not tell whether the clock is synchronized",
                   "a clock that runs away makes tokens end too early or too late", mend);
  if (!sync->is_synchronized)
    return warning("clock-sync", "nothing keeps the clock synchronized (adjtimex says so)",
                   "a clock that runs away makes tokens end too early or too late, and the times "
                   "of events are wrong",
                   mend);
  return ok("clock-sync", "the clock is synchronized, its error at most " +
                              std::to_string(sync->error_max.count() / 1000) + " ms");
}

FileLimit read_file_limit(std::optional<pid_t> service) {
  if (service) {
    // `Max open files            1024                 1048576              files`
    std::ifstream limits("/proc/" + std::to_string(*service) + "/limits");
    for (std::string line; std::getline(limits, line);) {
      if (!line.starts_with("Max open files")) continue;
      std::istringstream words(line.substr(std::string("Max open files").size()));
      std::uint64_t soft = 0;
      if (words >> soft) return {soft, service};
    }
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {0, std::nullopt};
  return {limit.rlim_max == RLIM_INFINITY ? std::numeric_limits<std::uint64_t>::max()
                                          : static_cast<std::uint64_t>(limit.rlim_max),
          std::nullopt};
}

Finding judge_open_files(const FileLimit& limit, std::int64_t sockets) {
  const std::uint64_t wanted = static_cast<std::uint64_t>(sockets) + kOwnFiles;
  const std::string what =
      (limit.of ? "the service (pid " + std::to_string(*limit.of) + ") may have "
                : std::string("a service started here may have ")) +
      std::to_string(limit.files) + " files open; " + std::to_string(sockets) + " sockets need " +
      std::to_string(wanted);
  if (limit.files >= wanted) return ok("open-files", what);
  const std::string number = std::to_string(wanted);
  const std::string mend =
      limit.of
          ? "sudo prlimit --pid " + std::to_string(*limit.of) + " --nofile=" + number + ':' + number
          : "sudo prlimit --pid $$ --nofile=" + number + ':' + number +
                "  # for this shell; of a unit of systemd: LimitNOFILE=" + number;
  const std::string why = "whoever connects beyond that is dropped at once";
  if (limit.files < kOwnFiles) return fault("open-files", what, why, mend);
  return warning("open-files", what, why, mend);
}

MachineSize read_machine_size(const std::string& groups, const std::string& membership) {
  MachineSize size{static_cast<double>(std::max(1U, std::thread::hardware_concurrency())),
                   static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                       static_cast<double>(::sysconf(_SC_PAGESIZE))};
  // Each group limits those below it too.
  std::string group = group_in(membership);
  while (!group.empty()) {
    limit_by_group(size, groups + '/' + group);
    const auto slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
  limit_by_group(size, groups);
  return size;
}

Finding judge_cores(const MachineSize& machine, const Subject& subject) {
  const auto cores = static_cast<std::int64_t>(machine.cores);
  const std::string what =
      count_text(cores, "core", "cores") + ", and " +
      (subject.io_threads == 0
           ? std::string("one io thread for each")
           : count_text(static_cast<std::int64_t>(subject.io_threads), "io thread", "io threads"));
  if (cores < 2)
    return warning("cores", what,
                   "sockets, router and log take turns: answers come later as soon as several "
                   "people talk",
                   "nproc  # give the service at least 2");
  if (subject.io_threads > static_cast<std::size_t>(cores))
    return warning("cores", what, "they take turns, which costs time and brings none",
                   "SIGNALBOX_GATEWAY_IO_THREADS=0 " + subject.serve_command);
  return ok("cores", what);
}

Finding judge_memory(const MachineSize& machine, const Subject& subject, std::int32_t partitions) {
  const double windows =
      static_cast<double>(partitions) * static_cast<double>(subject.window_bytes_max);
  const double sockets = static_cast<double>(subject.sockets) * kSocketBytes;
  const double most = kBaseBytes + windows + sockets + static_cast<double>(subject.queue_bytes_max);
  const std::string what =
      bytes_text(machine.memory_bytes) + "; a service may take up to " + bytes_text(most) +
      " (windows of " + std::to_string(partitions) + " partitions " + bytes_text(windows) + ", " +
      std::to_string(subject.sockets) + " sockets " + bytes_text(sockets) + ")";
  if (most <= machine.memory_bytes) return ok("memory", what);
  return warning("memory", what, "when it is all used the system ends the process",
                 "SIGNALBOX_LIMITS_WINDOW_BYTES_MAX=" +
                     std::to_string(std::max<std::int64_t>(
                         64 * 1024, static_cast<std::int64_t>(machine.memory_bytes / 4 /
                                                              std::max(1, partitions)))) +
                     ' ' + subject.serve_command);
}

}  // namespace signalbox::doctor
