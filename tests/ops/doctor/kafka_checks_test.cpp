#include "ops/doctor/kafka_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event-store/contract/codec.hpp"
#include "event-store/log/event_log_history.hpp"
#include "tests/support/simulated_event_log.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox::doctor {
namespace {

using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;
using test_support::TestOwner;
using ::testing::HasSubstr;

// One partition, and who claims it.
class KafkaOwners : public ::testing::Test {
 protected:
  PartitionOwner owner() {
    event_store::EventLogHistory history(log_.open_session());
    auto owner = read_owner(history, Partition(0));
    EXPECT_TRUE(owner) << owner.error().message;
    return owner ? *std::move(owner) : PartitionOwner{.partition = Partition(0)};
  }
  void put(NewRecord record) { log_.put(kEvents, std::move(record)); }
  void put_events(TestOwner& of, int count) {
    for (int i = 0; i < count; ++i) put(of.event("ann", Offset(0)));
  }
  // As a router of that name writes it.
  void put_checkpoint(const TestOwner& of, const std::string& router) {
    const PartitionCheckpoint checkpoint{
        .log_id = id_,
        .epoch = of.epoch(),
        .claim_id = of.claim(),
        .inbound_next = Offset(0),
        .fold_at = {Offset(1), of.epoch(), of.claim(), OwnerSeq(0), Offset(0)},
        .trying = {}};
    put(event_store::encode_control(
        {.id = "00000000-0000-4000-8000-000000000002",
         .source = "/signalbox/" + id_.value().to_string() + "/router/" + router,
         .time = Timestamp{},
         .data = checkpoint}));
  }
  static std::vector<Finding> judge(const std::vector<PartitionOwner>& owners) {
    return judge_owners(owners, {.brokers = "127.0.0.1:9092", .topic_prefix = "box"});
  }

  const TopicPartition kEvents{Topic::events, Partition(0)};
  SimulatedScheduler scheduler_{{.seed = 1, .fifo = true}};
  SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  Random random_{3};
  LogId id_ = log_.open_session()->describe().log_id;
  TestOwner first_{id_, Epoch(1), random_};
  TestOwner second_{id_, Epoch(2), random_};
};

TEST_F(KafkaOwners, IsKnownLongAfterItsClaim) {
  put(first_.owned());
  put_events(first_, 1'500);
  put_checkpoint(first_, "east-1");
  put_events(first_, 1'000);
  const PartitionOwner found = owner();
  EXPECT_EQ(found.router, "east-1");
  EXPECT_EQ(found.epoch, Epoch(1));
  EXPECT_FALSE(found.is_released);
  const auto findings = judge({found});
  EXPECT_EQ(findings[0].level, Level::ok);
  EXPECT_THAT(findings[0].what, HasSubstr("east-1 has 0"));
}

TEST_F(KafkaOwners, IsNotWhoLostThePartition) {
  put(first_.owned());
  put(second_.owned());
  put_checkpoint(first_, "late");
  EXPECT_EQ(owner().router, "router-test");
  EXPECT_EQ(owner().epoch, Epoch(2));
  put(second_.released());
  put_checkpoint(first_, "late");
  EXPECT_TRUE(owner().is_released);
  EXPECT_THAT(judge({owner()})[0].what, HasSubstr("nobody has partition 0"));
}

TEST_F(KafkaOwners, IsNotWhoClaimedAnEpochThatWasTaken) {
  put(first_.owned());
  put(test_support::control_record(
      PartitionOwned{id_, Epoch(1), ClaimId(random_.uuid()), "second-with-epoch-1", Offset(0)}));
  EXPECT_EQ(owner().router, "router-test");
}

TEST_F(KafkaOwners, LagThatIsNotKnownIsNotWell) {
  put(first_.owned());
  log_.set_outage([](const TopicPartition& at, SimulatedEventLog::Asked what) {
    return at.topic == Topic::inbound && what == SimulatedEventLog::Asked::bounds
               ? std::optional(Error{Errc::unavailable, "no leader"})
               : std::nullopt;
  });
  const PartitionOwner unknown = owner();
  EXPECT_EQ(unknown.lag, std::nullopt);
  const Finding of_all = judge({unknown})[1];
  EXPECT_EQ(of_all.level, Level::warning);
  EXPECT_THAT(of_all.what, HasSubstr("not known of any partition"));
  log_.set_outage({});
  const PartitionOwner known = owner();
  EXPECT_EQ(known.lag, 0);
  EXPECT_EQ(judge({known})[1].level, Level::ok);
  const Finding of_one = judge({known, unknown})[1];
  EXPECT_EQ(of_one.level, Level::warning);
  EXPECT_THAT(of_one.what, HasSubstr("of 1 partition it is not known"));
}

}  // namespace
}  // namespace signalbox::doctor
