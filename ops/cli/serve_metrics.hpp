// ServeMetrics: figures of log, router, archive, snapshots and their threads for /metrics, copied
// from those parts about once a second. Lifetime: the registry and the parts outlive it. Thread:
// one; the figures may be read from any.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "event-store/archive/archive.hpp"
#include "event-store/log/kafka_event_log.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "event-store/snapshot/travelling_snapshot_store.hpp"
#include "ops/cli/role_thread.hpp"
#include "router/router.hpp"

namespace signalbox::cli {

// Null: the process has no such part.
struct ServeMetricsParts {
  const event_store::SqliteEventLog* embedded;  // one of the two logs
  const event_store::KafkaEventLog* kafka;
  const event_store::SqliteSnapshotStore* snapshots;
  const event_store::TravellingSnapshotStore* travelling;  // over `snapshots`
  const event_store::ArchiveWriter* archive;
  const Clock& clock;
  const router::Router* router;
  std::vector<std::pair<std::string, const RoleThread*>> threads;  // by name
};

class Config;

class ServeMetrics {
 public:
  ServeMetrics(prometheus::Registry& registry, const ServeMetricsParts& parts);
  ServeMetrics(const ServeMetrics&) = delete;
  ServeMetrics& operator=(const ServeMetrics&) = delete;

  // One gauge per key under `limits.` that is a number or a duration, in seconds; again: as they
  // are now.
  void show_limits(const Config& config);
  void update();

 private:
  using Read = std::function<double()>;
  void add_gauge(const std::string& name, const std::string& help, Read read,
                 const prometheus::Labels& labels = {});
  void add_counter(const std::string& name, const std::string& help, Read read);
  void add_queue(Read records, Read bytes);
  void add_log(const event_store::SqliteEventLog& log);
  void add_kafka_log(const event_store::KafkaEventLog& log);
  void add_travelling(const event_store::TravellingSnapshotStore& store);
  void add_router(const router::RouterCounters& counters);
  void add_archive(const event_store::ArchiveWriter& archive);
  void add_anchors(const event_store::ArchiveWriter& archive, const Clock& clock);
  // One counter per verdict of the role's fold.
  void add_verdicts(const std::string& role, std::function<double(std::size_t)> read);

  struct CopiedGauge {
    prometheus::Gauge& gauge;
    Read read;
  };
  struct CopiedCounter {
    prometheus::Counter& counter;
    Read read;
  };
  prometheus::Registry& registry_;
  std::vector<CopiedGauge> gauges_;
  std::vector<CopiedCounter> counters_;
};

}  // namespace signalbox::cli
