// ArchiveWriter: keeps the archive files complete to what the log's tail has shown (design 3.8).
// It reads each partition of events from the position its file states, so files that are missing or
// were moved aside are made again from the log; the progress callback tells how far that is.
//
// Lifetime: made and destroyed on its executor ("archive"), which outlives it as the log does; the
// destructor commits what it has. Threads: own executor, but rebuild() and status() from any.
// Memory: per partition one batch of the tail, SQLite's page cache and users_cached_max chains.
// A partition whose file cannot be written, or that cannot be read on in the log, stops and is
// tried again from the position its file states, after waits that grow, until it goes on: without a
// restart once there is space again, the log answers, or its damaged row is restored. A damaged
// file is moved aside and made anew. The log is never affected. With `anchors`, each partition's
// tree is stated there from time to time and at the end.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "event-store/archive/anchor_writer.hpp"
#include "event-store/archive/partition_archive.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/partition_reader.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

struct ArchiveProgress {
  std::int64_t done = 0;   // records read since start, of all partitions
  std::int64_t total = 0;  // records there were to read at start
};

struct ArchiveOptions {
  std::size_t events_per_commit = 1000;
  std::chrono::milliseconds commit_delay{200};  // an event waits no longer for its commit
  // Before a partition that stopped is tried again: at first, and at most.
  std::chrono::milliseconds retry_delay{1000};
  std::chrono::milliseconds retry_max{10'000};
  std::uint64_t seed = 0;               // of the waits
  std::size_t users_cached_max = 2000;  // per partition
  std::optional<Anchoring> anchors{};
  // One sentence for the operator: damage, files moved aside, files that cannot be written.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  // After each commit until what was there at start is read; then once more with done == total.
  std::function<void(const ArchiveProgress&)> progress = [](const ArchiveProgress&) {};
};

struct ArchiveStatus {
  Partition partition;
  Position complete_to;
  std::uint64_t events_added = 0;  // since start
  std::uint64_t damages = 0;       // breaks of users' chains, since start
  // How many records got each verdict since start, by Verdict's number; again where it reads again.
  std::array<std::uint64_t, kVerdictCount> verdicts{};
  AnchorStatus anchors{};
  std::optional<Error> trouble;  // why the partition does not go on, now
};

class ArchiveWriter {
 public:
  // `folder` is made when missing. Errors: io_error, disk_full, unavailable.
  [[nodiscard]] static Result<std::unique_ptr<ArchiveWriter>> open(
      EventLog& log, Executor& executor, const Clock& clock, const std::string& folder,
      const std::vector<Partition>& partitions, ArchiveOptions options);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // Moves the partition's file aside and makes it anew; for readers that found a damaged row.
  void rebuild(Partition partition, const std::string& why);
  [[nodiscard]] std::vector<ArchiveStatus> status() const;

 private:
  class PartitionWriter;

  ArchiveWriter(EventLog& log, Executor& executor, const Clock& clock, std::string folder,
                ArchiveOptions options);
  [[nodiscard]] Result<void> start(const std::vector<Partition>& partitions);
  void report_progress();

  EventLog& log_;
  Executor& executor_;
  const Clock& clock_;
  const std::string folder_;
  const ArchiveOptions options_;
  Random random_;
  std::int64_t total_ = 0;
  bool reporting_ = true;
  std::vector<std::unique_ptr<PartitionWriter>> writers_;
  std::shared_ptr<ArchiveWriter*> self_;  // tasks from other threads find nothing once it is gone
};

}  // namespace signalbox::event_store
