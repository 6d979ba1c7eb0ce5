// What topics must be like, and how every deviation is told: topic, setting, found, wanted, remedy.
#include "event-store/kafka/topic_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace signalbox::event_store {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const KafkaOptions kCluster{.brokers = "k1:9092", .topic_prefix = "box"};

LogId log_of(std::uint8_t first) {
  Uuid id{};
  id.bytes[0] = first;
  return LogId(id);
}

// Three brokers, three partitions, all as `topics create` makes it.
FoundTopics good() {
  FoundTopics found{.brokers = 3};
  for (int number = 0; number < kTopicCount; ++number)
    found.topics[static_cast<Topic>(number)] = {
        .partitions = 3,
        .replication = 3,
        .settings = topic_settings(static_cast<Topic>(number), 2)};
  found.genesis.assign(3, {.first = 0, .end = 5, .log_id = log_of(1), .partitions = 3});
  return found;
}

std::vector<TopicDeviation> judge(const FoundTopics& found, const TopicsWanted& wanted = {}) {
  return judge_topics(found, kCluster, wanted);
}

TopicDeviation the_only(const FoundTopics& found) {
  const auto deviations = judge(found);
  EXPECT_THAT(deviations, SizeIs(1));
  return deviations.empty() ? TopicDeviation{} : deviations.front();
}

TEST(TopicRules, WhatIsCreatedHasNoDeviation) { EXPECT_THAT(judge(good()), IsEmpty()); }

TEST(TopicRules, EverySettingOfEveryTopicIsLookedAtAndItsRemedyIsACommand) {
  for (int number = 0; number < kTopicCount; ++number) {
    const auto topic = static_cast<Topic>(number);
    for (const auto& [setting, wanted] : topic_settings(topic, 2)) {
      FoundTopics found = good();
      found.topics[topic].settings[setting] = "1";
      const TopicDeviation told = the_only(found);
      EXPECT_EQ(told.topic, topic_name(kCluster, topic));
      EXPECT_EQ(told.setting, setting);
      EXPECT_EQ(told.found, "1");
      EXPECT_EQ(told.wanted, wanted);
      EXPECT_EQ(told.remedy,
                "kafka-configs.sh --bootstrap-server k1:9092 --alter --entity-type topics "
                "--entity-name " +
                    told.topic + " --add-config " + setting + "=" + wanted);
      const bool is_cache = topic == Topic::progress || topic == Topic::snapshots;
      if (is_cache) {
        EXPECT_FALSE(told.loses_data) << told.topic << " " << setting;
      }
    }
  }
}

TEST(TopicRules, WhatDeletesCommandsOrEventsLosesDataAndWhatKeepsThemLongerDoesNot) {
  const auto loses = [](Topic topic, const char* setting, const char* value) {
    FoundTopics found = good();
    found.topics[topic].settings[setting] = value;
    return the_only(found).loses_data;
  };
  EXPECT_TRUE(loses(Topic::inbound, "cleanup.policy", "compact"));
  EXPECT_TRUE(loses(Topic::inbound, "cleanup.policy", "compact,delete"));
  EXPECT_TRUE(loses(Topic::inbound, "message.timestamp.type", "CreateTime"));
  EXPECT_TRUE(loses(Topic::inbound, "retention.ms", "604800000"));
  EXPECT_FALSE(loses(Topic::inbound, "retention.ms", "-1"));
  EXPECT_TRUE(loses(Topic::events, "retention.bytes", "1073741824"));
  EXPECT_TRUE(loses(Topic::events, "unclean.leader.election.enable", "true"));
  EXPECT_TRUE(loses(Topic::events, "min.insync.replicas", "1"));
  // Issue 6: roles started, and the first event that was refused held up its partition for good.
  for (const Topic topic : {Topic::events, Topic::inbound, Topic::quarantine})
    EXPECT_TRUE(loses(topic, "max.message.bytes", "1048588")) << to_text(topic);
  EXPECT_FALSE(loses(Topic::snapshots, "cleanup.policy", "delete"));
}

TEST(TopicRules, MoreThanTheLeastIsFine) {
  FoundTopics found = good();
  found.topics[Topic::events].settings["min.insync.replicas"] = "3";
  found.topics[Topic::inbound].settings["max.message.bytes"] = "10485760";
  found.topics[Topic::snapshots].settings["min.compaction.lag.ms"] = "172800000";
  EXPECT_THAT(judge(found), IsEmpty());
}

// As one broker's own cluster makes them.
FoundTopics with_one_replica(std::int32_t brokers) {
  FoundTopics found = good();
  found.brokers = brokers;
  for (auto& [topic, one] : found.topics) {
    one.replication = 1;
    one.settings["min.insync.replicas"] = "1";
  }
  return found;
}

TEST(TopicRules, OneBrokerHoldsOneReplicaAndThatIsNoDeviation) {
  EXPECT_THAT(judge(with_one_replica(1)), IsEmpty());
}

// Roles started on such topics, and a lost disk took along what they had acknowledged.
TEST(TopicRules, OneReplicaWhereThereAreBrokersForMoreLosesWhatIsKeptNowhereElse) {
  for (const std::int32_t brokers : {2, 3, 5}) {
    const auto deviations = judge(with_one_replica(brokers));
    EXPECT_THAT(deviations, SizeIs(kTopicCount));
    for (const TopicDeviation& one : deviations) {
      EXPECT_EQ(one.setting, "replication factor");
      EXPECT_EQ(one.found, "1");
      EXPECT_EQ(one.wanted, brokers == 2 ? "2" : "3");
      EXPECT_THAT(one.remedy,
                  AllOf(HasSubstr("kafka-reassign-partitions.sh "),
                        HasSubstr(one.wanted + " replicas for every partition of " + one.topic)));
      const bool is_cache = one.topic == "box.progress" || one.topic == "box.snapshots";
      EXPECT_EQ(one.loses_data, !is_cache) << one.topic;
    }
  }
}

TEST(TopicRules, OneReplicaLosesDataEvenWhereItWasAskedFor) {
  const auto deviations = judge(with_one_replica(3), {.replication = 1, .min_insync = 1});
  ASSERT_THAT(deviations, SizeIs(kTopicCount));
  EXPECT_EQ(deviations.front().wanted, "2");
  EXPECT_TRUE(deviations.front().loses_data);
}

TEST(TopicRules, TwoReplicasOfThreeAreToldOfAndKeepNobodyFromStarting) {
  FoundTopics found = good();
  found.topics[Topic::events].replication = 2;
  const TopicDeviation told = the_only(found);
  EXPECT_EQ(told.setting, "replication factor");
  EXPECT_EQ(told.wanted, "3");
  EXPECT_FALSE(told.loses_data);
}

TEST(TopicRules, ATopicWithFewerPartitionsThanTheGenesisSaysCanBeMendedAndOneWithMoreCannot) {
  FoundTopics found = good();
  found.topics[Topic::inbound].partitions = 2;
  const TopicDeviation fewer = the_only(found);
  EXPECT_EQ(fewer.found, "2");
  EXPECT_EQ(fewer.wanted, "3");
  EXPECT_TRUE(fewer.loses_data);
  EXPECT_THAT(fewer.remedy,
              HasSubstr("kafka-topics.sh --bootstrap-server k1:9092 --alter --topic box.inbound "
                        "--partitions 3"));
  found.topics[Topic::inbound].partitions = 4;
  EXPECT_THAT(the_only(found).remedy, HasSubstr("another prefix"));
}

TEST(TopicRules, AMissingTopicIsCreatedByOurOwnCommand) {
  FoundTopics found = good();
  found.topics.erase(Topic::quarantine);
  const TopicDeviation told = the_only(found);
  EXPECT_EQ(told.topic, "box.quarantine");
  EXPECT_EQ(told.remedy, "signalbox topics create --kafka k1:9092 --topic-prefix box");
  EXPECT_TRUE(told.loses_data);
}

TEST(TopicRules, EveryPartitionOfEventsBeginsWithTheSameGenesis) {
  FoundTopics found = good();
  found.genesis[1].log_id = log_of(2);
  EXPECT_THAT(to_text(the_only(found)),
              AllOf(HasSubstr("log_genesis of partition 1"), HasSubstr("loses data")));
  found = good();
  found.genesis[2] = {.first = 0, .end = 0};
  EXPECT_THAT(the_only(found).remedy, HasSubstr("signalbox topics create"));
  found = good();
  found.genesis[2] = {.first = 0, .end = 9};
  EXPECT_THAT(to_text(the_only(found)), HasSubstr("is another record"));
}

TEST(TopicRules, EventsThatAreGoneAreNamedButKeepNobodyFromStarting) {
  FoundTopics found = good();
  found.genesis[0] = {.first = 40, .end = 90};
  const TopicDeviation told = the_only(found);
  EXPECT_EQ(told.setting, "first offset of partition 0");
  EXPECT_EQ(told.found, "40");
  EXPECT_FALSE(told.loses_data);
}

TEST(TopicRules, AnotherNumberOfPartitionsThanTheLogHasIsToldToWhoAsksForIt) {
  const auto deviations = judge(good(), {.partitions = 12});
  ASSERT_THAT(deviations, SizeIs(1));
  EXPECT_EQ(deviations.front().wanted, "12");
}

}  // namespace
}  // namespace signalbox::event_store
