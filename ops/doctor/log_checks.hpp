// Is the log sound: does it open, is it as long as it was, do its newest records follow from each
// other, and how long will the disk last. Reads only, as LogReader does. Thread: one.
// Checks: log-file, log-length, log-chain, write-ahead-log, disk-space.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "event-store/model/clock.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/mount.hpp"
#include "ops/doctor/subject.hpp"
#include "replay/watch.hpp"

namespace signalbox::doctor {

// What opening it said.
[[nodiscard]] Finding judge_log_file(const Subject& subject,
                                     const Result<event_store::LogReader>& log,
                                     std::optional<pid_t> holder);
// log-length and log-chain; none where `watch` ended it.
[[nodiscard]] std::vector<Finding> check_records(const Subject& subject,
                                                 event_store::LogReader& log,
                                                 std::optional<pid_t> holder,
                                                 const replay::Watch& watch);
[[nodiscard]] Finding check_write_ahead_log(const Subject& subject, bool is_running);

// What the log has grown by, told by the times and sizes of its own newest records.
struct LogGrowth {
  double bytes_per_day;
  std::chrono::minutes seen;  // the time it was measured over
};
// nullopt: too little to tell. The archive holds a copy of what happened, which counts.
[[nodiscard]] Result<std::optional<LogGrowth>> measure_growth(const Subject& subject,
                                                              event_store::LogReader& log,
                                                              Timestamp now);

struct DiskRoom {
  std::int64_t bytes;   // free for this process
  std::int64_t inodes;  // the same; -1: the file system does not count them
};
[[nodiscard]] Result<DiskRoom> measure_room(const std::string& folder);
// `why` it matters that there is room.
[[nodiscard]] Finding judge_disk_space(const Result<DiskRoom>& room,
                                       const std::optional<LogGrowth>& growth, const Mount& mount,
                                       const std::string& why);

// When the newest record was written. nullopt: there is none.
[[nodiscard]] Result<std::optional<Timestamp>> newest_time(event_store::LogReader& log);

}  // namespace signalbox::doctor
