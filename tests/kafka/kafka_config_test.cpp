// What an operator may pass through to librdkafka, and what the log's guarantees rest on.
#include "event-store/kafka/kafka_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

namespace signalbox::event_store {
namespace {

using testing::HasSubstr;

std::string value_of(const KafkaConf& conf, const char* name) {
  std::array<char, 256> value{};
  std::size_t size = value.size();
  EXPECT_EQ(rd_kafka_conf_get(conf.get(), name, value.data(), &size), RD_KAFKA_CONF_OK) << name;
  return value.data();
}

TEST(KafkaConfig, TakesWhatTheOperatorChoseAndWhatTheKindOfClientNeeds) {
  const KafkaOptions options{.brokers = "127.0.0.1:9", .properties = {{"linger.ms", "7"}}};
  const auto conf = make_kafka_conf(options, {{"enable.idempotence", "true"}});
  ASSERT_TRUE(conf) << conf.error().message;
  EXPECT_EQ(value_of(*conf, "bootstrap.servers"), "127.0.0.1:9");
  EXPECT_EQ(value_of(*conf, "linger.ms"), "7");
  EXPECT_EQ(value_of(*conf, "enable.idempotence"), "true");
  EXPECT_EQ(value_of(*conf, "socket.nagle.disable"), "true");
}

TEST(KafkaConfig, WhatTheGuaranteesRestOnIsNoSetting) {
  // The last two: issue 6. With the one no message was ever acknowledged and no gateway came to its
  // end, the other was shown and then was not what was used.
  for (const char* name : {"acks", "enable.idempotence", "enable.auto.commit", "auto.offset.reset",
                           "group.instance.id", "transactional.id", "message.timeout.ms",
                           "delivery.report.only.error", "session.timeout.ms"}) {
    const auto conf = make_kafka_conf({.properties = {{name, "true"}}}, {});
    ASSERT_FALSE(conf) << name;
    EXPECT_EQ(conf.error().code, Errc::bad_config);
    EXPECT_EQ(conf.error().field, std::string("kafka.") + name);
    EXPECT_THAT(conf.error().message, HasSubstr("is fixed")) << "and not only this value bad";
  }
}

TEST(KafkaConfig, UnknownPropertiesAndBadValuesAreNamedWhole) {
  const auto unknown = check_kafka_property("linger.millis", "1");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().field, "kafka.linger.millis");
  EXPECT_THAT(unknown.error().message, HasSubstr("No such configuration property"));
  const auto bad = check_kafka_property("linger.ms", "soon");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().field, "kafka.linger.ms");
}

TEST(KafkaConfig, TopicsAreNamedByThePrefix) {
  EXPECT_EQ(topic_name({}, Topic::inbound), "signalbox.inbound");
  EXPECT_EQ(topic_name({.topic_prefix = "box-2"}, Topic::events), "box-2.events");
}

}  // namespace
}  // namespace signalbox::event_store
