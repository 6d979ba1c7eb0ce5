// ServiceLog: the log a process works on, embedded or on Kafka, with what differs between them: who
// may write in the data directory, what is looked at before it starts, and what it tells of itself.
// Lifetime: outlives everything that was given log(). Thread: the wiring's, but statistics from
// any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/log/data_lock.hpp"
#include "event-store/log/kafka_event_log.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "ops/cli/serve_options.hpp"

namespace signalbox::cli {

class ServiceLog {
 public:
  // On Kafka: refuses topics that would lose data (bad_config, each deviation with its remedy),
  // warns of other deviations, and locks the data directory where the role keeps anything there.
  // Other errors: those of the logs. `ended`: the log has ended for good; any thread.
  [[nodiscard]] static Result<std::unique_ptr<ServiceLog>> open(
      const ServeOptions& options, const Clock& clock, Random& random,
      const std::function<void(const Error&)>& ended);

  [[nodiscard]] event_store::EventLog& log() { return *log_; }
  // The one it is; null where it is the other one.
  [[nodiscard]] event_store::SqliteEventLog* embedded() { return embedded_.get(); }
  [[nodiscard]] event_store::KafkaEventLog* kafka() { return kafka_.get(); }
  // Why appends are not answered, empty where they are. Any thread.
  [[nodiscard]] std::vector<std::string> not_ready() const;

 private:
  ServiceLog() = default;
  [[nodiscard]] Result<void> open_embedded(const ServeOptions& options, const Clock& clock,
                                           Random& random,
                                           const std::function<void(const Error&)>& ended);
  [[nodiscard]] Result<void> open_kafka(const ServeOptions& options, const Clock& clock,
                                        Random& random,
                                        const std::function<void(const Error&)>& ended);

  std::optional<event_store::DataLock> lock_;
  std::unique_ptr<event_store::SqliteEventLog> embedded_;
  std::unique_ptr<event_store::KafkaEventLog> kafka_;
  event_store::EventLog* log_ = nullptr;
};

// What a process calls itself in records: as configured, else the role, on Kafka HOST:PID.
[[nodiscard]] std::string instance_name(const ServeOptions& options, const std::string& configured,
                                        const std::string& role);

}  // namespace signalbox::cli
