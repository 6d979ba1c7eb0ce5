// KafkaAdmin: one short-lived connection to a cluster that looks at topics, makes them, and reads
// or writes the first record of their partitions. Every call blocks, all together at most as long
// as `patience` from the connect on, which itself takes 5 s at most. One thread.
//
// Errors: log_unavailable where no broker answers in time; forbidden where the cluster refuses this
// client; bad_config where it refuses what was asked; io_error for the rest. Each with the broker's
// own reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/kafka/kafka_handles.hpp"
#include "event-store/kafka/kafka_options.hpp"
#include "event-store/model/record.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

class KafkaAdmin {
 public:
  struct Shape {
    std::int32_t partitions = 0;
    std::int32_t replication = 0;  // of the partition with the fewest replicas
    bool has_leaders = false;      // every partition has one
  };
  struct NewTopic {
    std::string name;
    std::int32_t partitions;
    std::int32_t replication;
    std::map<std::string, std::string> settings;
  };
  struct Bounds {
    std::int64_t first;
    std::int64_t end;
  };

  [[nodiscard]] static Result<std::unique_ptr<KafkaAdmin>> connect(
      const KafkaOptions& options, std::chrono::milliseconds patience);
  ~KafkaAdmin();
  KafkaAdmin(const KafkaAdmin&) = delete;
  KafkaAdmin& operator=(const KafkaAdmin&) = delete;

  [[nodiscard]] std::int32_t brokers() const { return brokers_; }
  // nullopt: there is no such topic.
  [[nodiscard]] Result<std::optional<Shape>> shape(const std::string& topic);
  [[nodiscard]] Result<std::map<std::string, std::map<std::string, std::string>>> settings(
      const std::vector<std::string>& topics);
  // Those that are there already are left as they are. Returns once every one has its leaders.
  [[nodiscard]] Result<void> create(const std::vector<NewTopic>& topics);
  [[nodiscard]] Result<Bounds> bounds(const std::string& topic, Partition partition);
  // The first records of these partitions, in their order; each must have one at its beginning.
  [[nodiscard]] Result<std::vector<Record>> first_records(const std::string& topic,
                                                          const std::vector<Partition>& partitions);
  // In order; returns once all are durable.
  [[nodiscard]] Result<void> append(const std::string& topic,
                                    const std::vector<std::pair<Partition, NewRecord>>& records);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  KafkaAdmin(KafkaOptions options, Deadline deadline);
  [[nodiscard]] int left_ms() const;  // at least 1
  [[nodiscard]] bool pause() const;   // a moment; false: there is no time left
  [[nodiscard]] Error problem(const std::string& doing, rd_kafka_resp_err_t code);
  [[nodiscard]] Result<void> meet_brokers();
  [[nodiscard]] Result<void> await_leaders(const std::string& topic);
  // The event that answers what was just asked with `answers_`.
  [[nodiscard]] Result<KafkaEvent> answer(const std::string& doing);

  KafkaOptions options_;
  Deadline deadline_;
  std::string last_reason_;  // what the client said last of a connection
  std::int32_t brokers_ = 0;
  KafkaClient client_;
  KafkaQueue answers_;
};

}  // namespace signalbox::event_store
