// What only the log on Kafka does, on a real broker: retention, holes, records of strangers,
// members of a group, and reading no more than what is asked for.
#include "event-store/log/kafka_event_log.hpp"

#include <algorithm>
#include <future>
#include <memory>

#include "tests/log/conformance_support.hpp"
#include "tests/log/kafka_fixture.hpp"
#include "tests/support/test_broker.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;

constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};

class KafkaLog : public testing::Test {
 protected:
  void open(const std::string& brokers, KafkaEventLogOptions options = {}) {
    fixture =
        std::make_unique<KafkaFixture>(TestTopicsOptions{.brokers = brokers}, std::move(options));
  }
  // Of records that one appends after the other.
  Offset append(const TopicPartition& at, int count) {
    Offset last(-1);
    std::vector<NewRecord> records;
    for (int i = 0; i < count; ++i) records.push_back(make_record("anna", std::to_string(i)));
    for (const auto& answer : append_all(*fixture, at, records)) {
      EXPECT_TRUE(answer) << answer.error().message;
      if (answer) last = *answer;
    }
    return last;
  }
  std::unique_ptr<KafkaFixture> fixture;
};

class Assigned final : public MembershipSink {
 public:
  void on_assigned(std::span<const Partition> partitions) override {
    const std::lock_guard lock(mutex_);
    all_.emplace_back(partitions.begin(), partitions.end());
  }
  void on_trouble(const Error& error) override {
    const std::lock_guard lock(mutex_);
    troubles_ += error.message + "\n";
  }
  // nullopt: nothing was told yet.
  [[nodiscard]] std::optional<std::size_t> count() const {
    const std::lock_guard lock(mutex_);
    if (all_.empty()) return std::nullopt;
    return all_.back().size();
  }
  [[nodiscard]] bool was_ever_empty() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(all_, [](const auto& told) { return told.empty(); });
  }
  [[nodiscard]] std::vector<Partition> now() const {
    const std::lock_guard lock(mutex_);
    return all_.back();
  }
  [[nodiscard]] bool was_told(const std::string& trouble) const {
    const std::lock_guard lock(mutex_);
    return troubles_.find(trouble) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<Partition>> all_;
  std::string troubles_;
};

TEST_F(KafkaLog, WhatRetentionTookIsNotFound) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  append(kInbound, 20);
  fixture->topics().delete_records(Topic::inbound, 2, 8);
  EXPECT_TRUE(
      fixture->wait_until([&] { return fixture->log().bounds(kInbound)->first == Offset(8); }));
  EXPECT_EQ(fixture->log().bounds(kInbound)->end, Offset(20));
  const auto read = fixture->log().read(kInbound, Offset(3), {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::not_found) << read.error().message;
  Collector gone;
  Collector left;
  const TailOn below(*fixture, kInbound, Offset(3), gone);
  const TailOn above(*fixture, kInbound, Offset(8), left);
  ASSERT_TRUE(fixture->wait_until([&] { return gone.failed() && left.caught_up(); }));
  EXPECT_EQ(gone.failed()->code, Errc::not_found);
  EXPECT_TRUE(gone.records().empty());
  EXPECT_EQ(left.records().size(), 12u);
}

TEST_F(KafkaLog, RecordsOfStrangersComeAsTheyAre) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  fixture->topics().produce(Topic::inbound, 2, nullptr, nullptr);
  fixture->topics().produce(Topic::inbound, 2, "anna", "\xff not json");
  Collector collector;
  const TailOn tail(*fixture, kInbound, Offset(0), collector);
  ASSERT_TRUE(fixture->wait_until([&] { return collector.caught_up() >= Offset(2); }));
  const auto read = fixture->log().read(kInbound, Offset(0), {});
  ASSERT_TRUE(read);
  for (const auto& records : {collector.records(), *read}) {
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0]->key, std::nullopt);
    EXPECT_EQ(records[0]->value, "");
    EXPECT_TRUE(records[0]->headers.empty());
    EXPECT_EQ(records[1]->key, "anna");
    EXPECT_EQ(records[1]->value, "\xff not json");
    EXPECT_GT(records[1]->appended_at, Timestamp{});
  }
}

TEST_F(KafkaLog, HolesAreNoEndAndNoGap) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  Collector live;
  const TailOn tail(*fixture, kInbound, Offset(0), live, 1);
  append(kInbound, 3);
  // What comes meanwhile waits for the tail, holes and all.
  std::promise<void> goes_on;
  fixture->executor(1).post([&] { goes_on.get_future().wait(); });
  // Each commit leaves a control record, an offset that no reader ever gets.
  for (int i = 0; i < 3; ++i) fixture->topics().produce_in_transaction(Topic::inbound, 2, "theirs");
  append(kInbound, 1);
  fixture->topics().produce_in_transaction(Topic::inbound, 2, "last");
  // The brokers write them when they come to it, the last one at the end of the partition.
  const auto everything_is_there = [&] {
    const auto bounds = fixture->log().bounds(kInbound);
    return bounds && bounds->end == Offset(12);
  };
  EXPECT_TRUE(fixture->wait_until(everything_is_there));
  goes_on.set_value();
  Collector late;
  const TailOn other(*fixture, kInbound, Offset(0), late, 2);
  for (const Collector* const collector : {&live, &late}) {
    ASSERT_TRUE(fixture->wait_until([&] { return collector->caught_up() == Offset(12); }));
    std::vector<std::string> values;
    for (const RecordPtr& record : collector->records()) values.push_back(record->value);
    EXPECT_EQ(values,
              (std::vector<std::string>{"0", "1", "2", "theirs", "theirs", "theirs", "0", "last"}));
  }
  EXPECT_EQ(fixture->log().read(kInbound, Offset(0), {})->size(), 8u);
  EXPECT_EQ(fixture->log().read(kInbound, Offset(11), {})->size(), 0u) << "nothing but a hole";
}

TEST_F(KafkaLog, OnlyPartitionsWithTailsAreFollowed) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  const TopicPartition other{Topic::inbound, Partition(1)};
  const auto followed = [&] { return fixture->kafka().statistics().partitions_followed; };
  EXPECT_EQ(followed(), 0u);
  const auto fetched = [&] { return fixture->kafka().statistics().records_fetched; };
  Collector collector;
  Offset end(0);
  {
    const TailOn first(*fixture, kInbound, Offset(0), collector);
    const TailOn second(*fixture, kInbound, Offset(0), collector, 1);
    EXPECT_EQ(followed(), 1u);
    // A tail may have caught up before the head's consumer is there; what comes then is read.
    ASSERT_TRUE(fixture->wait_until([&] {
      append(kInbound, 1);
      end = end.next();
      return fetched() > 0;
    }));
    ASSERT_TRUE(fixture->wait_until([&] { return collector.caught_up() >= end; }));
    const auto before = fetched();
    append(other, 100);
    append(kInbound, 10);
    end = Offset(end.value() + 10);
    ASSERT_TRUE(fixture->wait_until([&] { return collector.caught_up() >= end; }));
    EXPECT_EQ(fetched() - before, 10u) << "once for both";
  }
  EXPECT_TRUE(fixture->wait_until([&] { return followed() == 0; }));
  append(kInbound, 5);
  Collector again;
  const TailOn third(*fixture, kInbound, end, again);
  ASSERT_TRUE(fixture->wait_until([&] { return again.caught_up() >= Offset(end.value() + 5); }));
  EXPECT_EQ(again.records().size(), 5u);
}

TEST_F(KafkaLog, ReadingOnIsNoSeek) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  append(kInbound, 2000);
  const auto before = fixture->kafka().statistics().reader_seeks;
  EXPECT_EQ(read_all(fixture->log(), kInbound).size(), 2000u);
  const auto seeks = fixture->kafka().statistics().reader_seeks - before;
  EXPECT_LE(seeks, 5u) << "of 286 reads; more than one where the machine had better things to do";
}

TEST_F(KafkaLog, MembersShareThePartitions) {
  SIGNALBOX_TEST_BROKER(brokers);
  open(brokers);
  Assigned first;
  Assigned second;
  std::unique_ptr<Membership> one;
  std::unique_ptr<Membership> two;
  fixture->run_on(0, [&] { one = fixture->log().join("routers", fixture->executor(0), first); });
  ASSERT_TRUE(fixture->wait_until([&] { return first.count() == 4u; }));
  fixture->run_on(1, [&] { two = fixture->log().join("routers", fixture->executor(1), second); });
  ASSERT_TRUE(fixture->wait_until([&] { return first.count() == 2u && second.count() == 2u; }));
  auto all = first.now();
  std::ranges::copy(second.now(), std::back_inserter(all));
  std::ranges::sort(all);
  EXPECT_EQ(all, (std::vector<Partition>{Partition(0), Partition(1), Partition(2), Partition(3)}));
  EXPECT_FALSE(first.was_ever_empty()) << "a revocation alone takes nothing away";
  const auto left_at = std::chrono::steady_clock::now();
  fixture->run_on(1, [&] { two.reset(); });
  ASSERT_TRUE(fixture->wait_until([&] { return first.count() == 4u; }));
  // A member that is not heard of is waited for; one that left is not.
  EXPECT_LT(std::chrono::steady_clock::now() - left_at, fixture->options().session_timeout);
  EXPECT_FALSE(first.was_ever_empty());
  fixture->run_on(0, [&] { one.reset(); });
}

TEST_F(KafkaLog, AMemberWhoseThreadHangsLeavesUntilItComesRound) {
  SIGNALBOX_TEST_BROKER(brokers);
  KafkaEventLogOptions options;
  options.executor_silence_max = milliseconds(1'500);
  open(brokers, std::move(options));
  Assigned hanging;
  Assigned other;
  std::unique_ptr<Membership> one;
  std::unique_ptr<Membership> two;
  fixture->run_on(0, [&] { one = fixture->log().join("routers", fixture->executor(0), hanging); });
  fixture->run_on(1, [&] { two = fixture->log().join("routers", fixture->executor(1), other); });
  ASSERT_TRUE(fixture->wait_until([&] { return hanging.count() == 2u && other.count() == 2u; }));
  std::promise<void> goes_on;
  fixture->executor(0).post([&] { goes_on.get_future().wait(); });
  EXPECT_TRUE(fixture->wait_until([&] { return other.count() == 4u; }));
  goes_on.set_value();
  EXPECT_TRUE(fixture->wait_until([&] { return hanging.was_ever_empty(); }));
  EXPECT_TRUE(fixture->wait_until([&] { return hanging.count() == 2u && other.count() == 2u; }));
  EXPECT_TRUE(hanging.was_told("does not come round"));
  fixture->run_on(0, [&] { one.reset(); });
  fixture->run_on(1, [&] { two.reset(); });
}

TEST(KafkaLogStart, TopicsThatAreNoLogAreNamed) {
  SIGNALBOX_TEST_BROKER(brokers);
  cli::SystemClock clock;
  Random random(1);
  KafkaEventLogOptions options;
  options.kafka = {.brokers = brokers, .topic_prefix = "test-nobody-made-these"};
  const auto missing = KafkaEventLog::open(options, clock, random);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().message.find("signalbox topics create"), std::string::npos)
      << missing.error().message;

  KafkaTopicsForTest strange({.brokers = brokers, .genesis = false});
  strange.produce(Topic::events, 0, nullptr, "hello");
  options.kafka = strange.kafka();
  const auto foreign = KafkaEventLog::open(options, clock, random);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Errc::corrupt) << foreign.error().message;
}

}  // namespace
}  // namespace signalbox::event_store
