// The topics of a new log on a real broker, under a prefix of its own, for as long as the object
// lives: made with librdkafka's admin requests and given their genesis.
#pragma once

#include <string>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

struct TestTopicsOptions {
  std::string brokers{};
  std::int32_t partitions = 4;
  int replicas = 1;
  int min_insync = 1;
  bool genesis = true;
  std::string prefix{};  // empty: one of its own
  bool exist = false;    // they are there and stay: a mock cluster knows no admin requests
};

class KafkaTopicsForTest {
 public:
  // Throws where the broker refuses: without topics nothing that follows means anything.
  explicit KafkaTopicsForTest(TestTopicsOptions options);
  ~KafkaTopicsForTest();
  KafkaTopicsForTest(const KafkaTopicsForTest&) = delete;
  KafkaTopicsForTest& operator=(const KafkaTopicsForTest&) = delete;

  [[nodiscard]] const KafkaOptions& kafka() const { return kafka_; }
  // By a producer that is none of ours; returns when it is reported.
  void produce(Topic topic, std::int32_t partition, const char* key, const char* value);
  // The same in a transaction that is committed.
  void produce_in_transaction(Topic topic, std::int32_t partition, const char* value);
  // What retention would take, at once.
  void delete_records(Topic topic, std::int32_t partition, std::int64_t before);
  // In every partition of events; returns when their leaders know of it.
  void write_genesis();

 private:
  void create();
  void send(Topic topic, std::int32_t partition, const NewRecord& record);
  [[nodiscard]] KafkaEvent wait_for(rd_kafka_queue_t& queue, const char* what);

  TestTopicsOptions options_;
  Random random_;
  KafkaOptions kafka_;
  KafkaClient client_;
  KafkaClient transactional_;
};

}  // namespace signalbox::event_store
