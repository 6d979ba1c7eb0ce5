#include "event-store/contract/identity.hpp"

#include <gtest/gtest.h>

#include "tests/contract/vectors.hpp"

namespace signalbox::event_store {
namespace {

const UserId kUser("105945141827451681156");

TEST(Identity, PartitionsAreThoseOfTheJavaClient) {
  ASSERT_EQ(vectors().at("partitions").size(), 8u);
  for (const auto& row : vectors().at("partitions")) {
    const UserId user(row.at("user_id").get<std::string>());
    EXPECT_EQ(partition_of(user, 12).value(), row.at("of_12").get<int>()) << user.value();
    EXPECT_EQ(partition_of(user, 240).value(), row.at("of_240").get<int>()) << user.value();
  }
}

// uuid5 takes a list in braces, so the parts of an example are spelled out by their number.
Uuid uuid5_of(const std::vector<std::string>& parts) {
  if (parts.size() == 3) return uuid5({parts[0], parts[1], parts[2]});
  if (parts.size() == 4) return uuid5({parts[0], parts[1], parts[2], parts[3]});
  return uuid5({parts.at(0), parts.at(1), parts.at(2), parts.at(3), parts.at(4), parts.at(5)});
}

TEST(Identity, UuidsComeOutAsInTheVectors) {
  ASSERT_EQ(vectors().at("ids").size(), 6u);
  for (const auto& row : vectors().at("ids")) {
    const auto parts = row.at("parts").get<std::vector<std::string>>();
    EXPECT_EQ(uuid5_of(parts).to_string(), row.at("uuid5").get<std::string>());
  }
}

TEST(Identity, EachIdIsMadeFromItsParts) {
  const RunId run = run_id_of(kUser, MessageId("m-1"));
  EXPECT_EQ(run.value().to_string(), "901cbb7a-8437-5342-9037-e89c728abfdc");
  EXPECT_EQ(call_id_of(run, Step(2)).value().to_string(), "727f8994-54af-5948-ab06-6717f64e711f");
  EXPECT_EQ(event_id_of(vectors_log(), Partition(4), Epoch(3), kUser, Seq(1)).value().to_string(),
            "ebfc1e29-27c4-5880-834d-4a424db563b4");
  const TopicPartition inbound{Topic::inbound, Partition(4)};
  EXPECT_EQ(quarantine_id_of(inbound, Offset(17)).to_string(),
            "941da0c4-33b9-5660-b5c3-43f551525f11");
}

TEST(Identity, PartsDoNotRunTogether) {
  EXPECT_NE(uuid5({"run", "a", "bc"}), uuid5({"run", "ab", "c"}));
  EXPECT_NE(uuid5({"run", "a", ""}), uuid5({"run", "a"}));
}

}  // namespace
}  // namespace signalbox::event_store
