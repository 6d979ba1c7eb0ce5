// Is the machine up to it: its clock, and what a process may have of it. Reads what the kernel
// tells; the judging functions are pure. Any thread.
// Checks: clock, clock-sync, open-files, cores, memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/result.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

// `newest`: when the newest record was written, if there is one.
[[nodiscard]] Finding judge_clock(Timestamp now, std::optional<Timestamp> newest);

struct ClockSync {
  bool is_synchronized;
  std::chrono::microseconds error_max;
};
[[nodiscard]] std::optional<ClockSync> read_clock_sync();
[[nodiscard]] Finding judge_clock_sync(const std::optional<ClockSync>& sync);

struct FileLimit {
  std::uint64_t files;      // that the process can have open at a time
  std::optional<pid_t> of;  // a running service; none: what one would get that is started here
};
[[nodiscard]] FileLimit read_file_limit(std::optional<pid_t> service);
[[nodiscard]] Finding judge_open_files(const FileLimit& limit, std::int64_t sockets);

// Of the machine, or of the control groups this process is in.
struct MachineSize {
  double cores;
  double memory_bytes;
};
[[nodiscard]] MachineSize read_machine_size(const std::string& groups = "/sys/fs/cgroup",
                                            const std::string& membership = "/proc/self/cgroup");
[[nodiscard]] Finding judge_cores(const MachineSize& machine, const Subject& subject);
[[nodiscard]] Finding judge_memory(const MachineSize& machine, const Subject& subject,
                                   std::int32_t partitions);

}  // namespace signalbox::doctor
