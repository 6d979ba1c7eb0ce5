// Checks of a log on Kafka: are the brokers there and the connection fit for secrets, are the
// topics as they must be, who owns which partition, and how much of inbound waits. It looks at what
// the log itself says (ownership records), so it needs no address of a router; what an event store
// is behind its own /readyz tells. Reads only; blocks. Thread: one.
#pragma once

#include <optional>
#include <vector>

#include "event-store/log/history_log.hpp"
#include "event-store/model/clock.hpp"
#include "ops/doctor/finding.hpp"
#include "ops/doctor/subject.hpp"

namespace signalbox::doctor {

// By the settings and the files they name.
[[nodiscard]] Finding check_kafka_security(const event_store::KafkaOptions& kafka);

struct KafkaExamination {
  std::vector<Finding> findings;
  std::optional<Timestamp> newest{};  // the brokers' time of the newest command
};
[[nodiscard]] KafkaExamination check_kafka(const Subject& subject, const Clock& clock);

// Of one partition, by the newest records of events.
struct PartitionOwner {
  Partition partition;
  std::string router{};  // as it names itself; empty: nobody has claimed it
  Epoch epoch{0};
  bool is_released = false;           // and nobody has claimed it since
  std::optional<std::int64_t> lag{};  // records of inbound without an outcome; none: not known
};
[[nodiscard]] Result<PartitionOwner> read_owner(event_store::HistoryLog& log, Partition partition);
[[nodiscard]] std::vector<Finding> judge_owners(const std::vector<PartitionOwner>& owners,
                                                const event_store::KafkaOptions& kafka);

}  // namespace signalbox::doctor
