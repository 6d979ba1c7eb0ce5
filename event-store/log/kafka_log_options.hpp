// Limits and times of the log on Kafka, and what it tells about itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct KafkaEventLogOptions {
  KafkaOptions kafka{};

  // Appends not yet answered, of each of the three producers; full: overloaded.
  std::size_t queue_records_max = 20000;
  std::size_t queue_bytes_max = 64U << 20;
  // Larger: too_large, before it is sent. As on the embedded log; topics take somewhat more.
  std::size_t record_bytes_max = 4U << 20;
  // Not reported by then is log_unavailable. Events and quarantine are tried until it is reported.
  std::chrono::milliseconds append_timeout{10'000};

  std::size_t recent_bytes_max = 16U << 20;   // kept for tails of all partitions; then they lag
  ReadLimits batch{256, 1U << 20};            // of one on_records()
  std::size_t fetch_ahead_bytes = 16U << 20;  // of each partition that is being read
  std::size_t readers_max = 8;                // partitions read behind the head at a time
  // How long a broker holds an empty answer of a reader at the head. Shorter: more requests of an
  // idle log; longer: a partition that is added to those read waits for it.
  std::chrono::milliseconds fetch_wait{100};

  std::chrono::milliseconds open_timeout{10'000};     // for the brokers to be reached
  std::chrono::milliseconds read_timeout{10'000};     // of read() and bounds()
  std::chrono::milliseconds close_timeout{5'000};     // then what is not written stays unwritten
  std::chrono::milliseconds session_timeout{10'000};  // a member not heard of for so long is gone
  // A member whose executor does not come round for so long leaves the group until it does.
  std::chrono::milliseconds executor_silence_max{30'000};

  // Called once, on a thread of the log, when it has ended for good: its owner must end the
  // process. What a broker does not answer is no such end.
  std::function<void(const Error&)> fatal = [](const Error&) {};
};

// Readable at any time, for metrics.
struct KafkaEventLogStatistics {
  std::size_t queue_records;  // appends not yet answered, of all producers
  std::size_t queue_bytes;
  std::uint64_t appended;           // reported ok
  std::uint64_t append_failures;    // reported as failed, or given up with their producer
  std::uint64_t producers_rebuilt;  // after a fatal error or a failed report of the router's
  std::uint64_t records_fetched;    // at the head, for tails
  std::uint64_t bytes_fetched;
  std::uint64_t records_read;  // behind the head, for read() and lagging tails
  std::uint64_t bytes_read;
  std::uint64_t reads_in_vain;      // for tails, of partitions that gave nothing in time
  std::uint64_t reader_seeks;       // of records_read: how often not where the last read ended
  std::size_t partitions_followed;  // at the head
  std::chrono::milliseconds oldest_append;  // how long the oldest append waits for its report
};

}  // namespace signalbox::event_store
