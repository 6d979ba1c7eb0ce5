// The broker that the fixture starts, seen through librdkafka.
#include "tests/support/test_broker.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "event-store/kafka/kafka_config.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kWaitMs = 30'000;

/// How many brokers the cluster at this address says it has; 0 if it does not answer.
int count_brokers(const std::string& brokers) {
  auto conf = make_kafka_conf(KafkaOptions{.brokers = brokers}, {});
  EXPECT_TRUE(conf);
  const auto client = make_kafka_client(RD_KAFKA_PRODUCER, std::move(*conf));
  EXPECT_TRUE(client);
  const struct rd_kafka_metadata* metadata = nullptr;
  if (rd_kafka_metadata(client->get(), 0, nullptr, &metadata, kWaitMs) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return 0;
  }
  const int count = metadata->broker_cnt;
  rd_kafka_metadata_destroy(metadata);
  return count;
}

TEST(TestBroker, AnswersLibrdkafka) {
  SIGNALBOX_TEST_BROKER(brokers);
  EXPECT_EQ(count_brokers(brokers), 1);
}

}  // namespace
}  // namespace signalbox::event_store
