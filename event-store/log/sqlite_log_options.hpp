// Limits and times of the embedded log, and what it tells about itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "event-store/log/log_tails.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct SqliteEventLogOptions {
  std::string dir{};  // created with mode 0700 where it does not exist
  // Of a new log (12 where not given); one that exists must agree where given.
  std::optional<std::int32_t> partitions{};
  std::string vfs_name{};  // SQLite's VFS; empty: the system's

  std::size_t queue_records_max = 65536;  // appends not yet answered; full: overloaded
  std::size_t queue_bytes_max = 64U << 20;
  std::size_t group_records_max = 1000;  // of one commit
  std::size_t group_bytes_max = 1U << 20;
  std::size_t record_bytes_max = 4U << 20;  // larger: too_large
  LogTailsOptions tails{};

  // Of write-ahead log, written with zeros at the start: a sync after a commit that made the file
  // longer takes about twice as long as one that did not.
  std::size_t wal_reserve_bytes = 16U << 20;
  std::size_t checkpoint_bytes = 16U << 20;      // of write-ahead log: moved into the file at once
  std::size_t idle_checkpoint_bytes = 1U << 20;  // the same when idle
  std::size_t shrink_bytes = 64U << 20;          // a longer write-ahead log is cut when idle
  std::chrono::milliseconds idle_after{250};     // no append for so long
  std::chrono::milliseconds retention_interval{60'000};  // between looks for what is too old
  std::chrono::hours inbound_retention{30 * 24};
  std::chrono::hours connections_retention{90 * 24};
  std::chrono::hours quarantine_retention{90 * 24};

  // Called once, on the writer thread, when the log has ended for good.
  std::function<void(const Error&)> fatal = [](const Error&) {};
};

// Readable at any time, for metrics.
struct SqliteEventLogStatistics {
  std::size_t queue_records;  // appends not yet answered
  std::size_t queue_bytes;
  std::uint64_t groups;          // committed
  std::uint64_t rows;            // committed by this process
  std::uint64_t groups_refused;  // disk full
  std::uint64_t checkpoints;
  std::uint64_t retention_looks;  // at every partition, to the end
  std::size_t wal_bytes;
};

}  // namespace signalbox::event_store
