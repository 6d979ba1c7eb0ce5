// What the log on Kafka does when brokers misbehave in ways that a real one cannot be told to, on
// librdkafka's mock cluster: leaders move, brokers go and come, requests are refused, producers
// break. What is asked every time: each append is answered once, what was reported ok is there once
// and in call order, and tails deliver everything in order.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <thread>

#include "event-store/log/kafka_reader.hpp"
#include "event-store/log/kafka_record.hpp"
#include "tests/log/conformance_support.hpp"
#include "tests/log/kafka_fixture.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPrefix = "mock";
constexpr int kBrokers = 3;
constexpr int kPartitions = 4;
constexpr std::int16_t kProduceRequest = 0;
constexpr std::int16_t kFetchRequest = 1;
constexpr std::int16_t kListOffsetsRequest = 2;
constexpr std::int16_t kJoinGroupRequest = 11;
constexpr TopicPartition kInbound{Topic::inbound, Partition(2)};
constexpr TopicPartition kEvents{Topic::events, Partition(1)};

class MockCluster {
 public:
  MockCluster() {
    client_ = std::move(*make_kafka_client(RD_KAFKA_PRODUCER, KafkaConf(rd_kafka_conf_new())));
    cluster_ = rd_kafka_mock_cluster_new(client_.get(), kBrokers);
    for (int topic = 0; topic < kTopicCount; ++topic)
      rd_kafka_mock_topic_create(cluster_, name(static_cast<Topic>(topic)).c_str(), kPartitions,
                                 kBrokers);
  }
  ~MockCluster() { rd_kafka_mock_cluster_destroy(cluster_); }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  static std::string name(Topic topic) {
    return topic_name(KafkaOptions{.topic_prefix = kPrefix}, topic);
  }
  [[nodiscard]] std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void go_down() { rd_kafka_mock_broker_set_down(cluster_, -1); }
  void come_up() { rd_kafka_mock_broker_set_up(cluster_, -1); }
  void move_leader(const TopicPartition& at, std::int32_t broker) {
    rd_kafka_mock_partition_set_leader(cluster_, name(at.topic).c_str(), at.partition.value(),
                                       broker);
  }
  // It takes requests and answers none.
  void freeze(std::int32_t broker) { rd_kafka_mock_broker_set_rtt(cluster_, broker, 600'000); }
  void refuse(std::int16_t request, std::vector<rd_kafka_resp_err_t> with) {
    rd_kafka_mock_push_request_errors_array(cluster_, request, with.size(), with.data());
  }

 private:
  KafkaClient client_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

KafkaEventLogOptions quick() {
  KafkaEventLogOptions options;
  // The mock cluster gives an empty answer only after the whole wait.
  options.fetch_wait = milliseconds(5);
  options.read_timeout = milliseconds(10'000);
  return options;
}

// Appends one after the other from one thread, and what was answered.
class Appends {
 public:
  Appends(KafkaFixture& fixture, TopicPartition at) : fixture_(fixture), at_(at) {}

  void append(int count) {
    fixture_.run_on(0, [&] {
      for (int i = 0; i < count; ++i) {
        const int number = next_++;
        fixture_.log().append(at_, make_record("anna", std::to_string(number)),
                              fixture_.executor(0), [told = told_, number](Result<Offset> answer) {
                                const std::lock_guard lock(told->mutex);
                                if (!told->answers.emplace(number, std::move(answer)).second)
                                  told->twice.insert(number);
                              });
      }
    });
  }
  [[nodiscard]] std::size_t answered() const {
    const std::lock_guard lock(told_->mutex);
    return told_->answers.size();
  }
  [[nodiscard]] std::size_t count(Errc code) const {
    const std::lock_guard lock(told_->mutex);
    return static_cast<std::size_t>(std::ranges::count_if(told_->answers, [code](const auto& one) {
      return !one.second && one.second.error().code == code;
    }));
  }
  [[nodiscard]] std::size_t ok() const {
    const std::lock_guard lock(told_->mutex);
    return static_cast<std::size_t>(std::ranges::count_if(
        told_->answers, [](const auto& one) { return one.second.has_value(); }));
  }
  [[nodiscard]] bool wait_for_all() {
    return fixture_.wait_until([this] { return answered() == static_cast<std::size_t>(next_); });
  }
  // The log, and what a tail from `from` on was given, against what was answered.
  void expect_kept(const std::vector<RecordPtr>& records) const {
    const std::lock_guard lock(told_->mutex);
    EXPECT_TRUE(told_->twice.empty()) << told_->twice.size() << " were answered twice";
    std::map<Offset, std::string> stored;
    std::map<std::string, int> copies;
    for (const RecordPtr& record : records) {
      EXPECT_TRUE(stored.emplace(record->offset, record->value).second) << "a repeat";
      ++copies[record->value];
    }
    Offset previous(-1);
    for (const auto& [number, answer] : told_->answers) {
      if (!answer) continue;
      EXPECT_GT(*answer, previous) << "call order is log order";
      previous = *answer;
      EXPECT_EQ(stored[*answer], std::to_string(number));
      EXPECT_EQ(copies[std::to_string(number)], 1) << number;
    }
  }

 private:
  struct Told {
    std::mutex mutex;
    std::map<int, Result<Offset>> answers;
    std::set<int> twice;
  };
  KafkaFixture& fixture_;
  TopicPartition at_;
  int next_ = 0;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

class KafkaMock : public testing::Test {
 protected:
  void open(KafkaEventLogOptions options = quick()) {
    fixture = std::make_unique<KafkaFixture>(TestTopicsOptions{.brokers = cluster.brokers(),
                                                               .partitions = kPartitions,
                                                               .prefix = kPrefix,
                                                               .exist = true},
                                             std::move(options));
  }
  // Everything that is there was delivered, and in order.
  void expect_delivered(const Collector& collector, const TopicPartition& at, Offset from) {
    const auto bounds = fixture->log().bounds(at);
    ASSERT_TRUE(bounds) << bounds.error().message;
    ASSERT_TRUE(fixture->wait_until([&] { return collector.caught_up() >= bounds->end; }));
    const auto stored = read_all(fixture->log(), at, from);
    const auto delivered = collector.records();
    ASSERT_EQ(delivered.size(), stored.size());
    for (std::size_t i = 0; i < stored.size(); ++i) {
      ASSERT_EQ(delivered[i]->offset, stored[i]->offset);
      ASSERT_EQ(delivered[i]->value, stored[i]->value);
    }
    EXPECT_FALSE(collector.failed());
  }

  MockCluster cluster;
  std::unique_ptr<KafkaFixture> fixture;
};

// Issue 6: compression.codec is another name of compression.type, and the default of that won.
TEST(KafkaDefaults, GiveWayToWhatTheOperatorChoseUnderAnotherName) {
  const auto compression = [](const char* name) {
    return with_defaults({.properties = {{name, "lz4"}}}, {{"compression.type", "zstd"}})
        .properties;
  };
  const std::map<std::string, std::string> chosen{{"compression.type", "lz4"}};
  EXPECT_EQ(compression("compression.type"), chosen);
  EXPECT_EQ(compression("compression.codec"), chosen);
}

TEST_F(KafkaMock, LeadersMoveUnderAppendsAndTails) {
  open();
  for (const TopicPartition& at : {kInbound, kEvents}) {
    const Offset from(at.topic == Topic::events ? 1 : 0);
    Appends appends(*fixture, at);
    Collector collector;
    const TailOn tail(*fixture, at, from, collector, 1);
    for (std::int32_t broker : {1, 2, 3, 1}) {
      appends.append(50);
      cluster.move_leader(at, broker);
      appends.append(50);
      ASSERT_TRUE(appends.wait_for_all());
    }
    EXPECT_EQ(appends.ok(), 400u) << "a leader that moves is no failure";
    appends.expect_kept(read_all(fixture->log(), at, from));
    expect_delivered(collector, at, from);
  }
}

TEST_F(KafkaMock, RefusedRequestsAreTriedAgain) {
  open();
  Appends appends(*fixture, kEvents);
  Collector collector;
  const TailOn tail(*fixture, kEvents, Offset(1), collector, 1);
  appends.append(1);
  ASSERT_TRUE(appends.wait_for_all());
  cluster.refuse(kProduceRequest,
                 {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                  RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS});
  cluster.refuse(kFetchRequest,
                 {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE});
  // One request alone: of several in flight the broker may take a later one before the refused one
  // comes again (WhatIsReportedWithoutAPlaceIsNotOk).
  appends.append(1);
  ASSERT_TRUE(appends.wait_for_all());
  appends.append(100);
  ASSERT_TRUE(appends.wait_for_all());
  EXPECT_EQ(appends.ok(), 102u);
  appends.expect_kept(read_all(fixture->log(), kEvents, Offset(1)));
  expect_delivered(collector, kEvents, Offset(1));
}

// A broker that knows nothing of a producer takes its second request when the first one was
// refused, and calls the first one a duplicate when it comes again. librdkafka reports that as
// success, without a place, of a record that is nowhere.
TEST_F(KafkaMock, WhatIsReportedWithoutAPlaceIsNotOk) {
  open();
  for (const TopicPartition& at : {kEvents, kInbound}) {
    Appends appends(*fixture, at);
    cluster.refuse(kProduceRequest, {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
    appends.append(1);
    ASSERT_TRUE(appends.wait_for_all());
    EXPECT_EQ(appends.count(Errc::log_unavailable), 1u);
    appends.append(10);
    ASSERT_TRUE(appends.wait_for_all());
    EXPECT_EQ(appends.ok(), 10u) << "and it goes on";
    appends.expect_kept(read_all(fixture->log(), at, Offset(at.topic == Topic::events ? 1 : 0)));
  }
}

TEST_F(KafkaMock, WhatRoutersAppendWaitsForTheBrokers) {
  KafkaEventLogOptions options = quick();
  options.append_timeout = milliseconds(8'000);
  open(std::move(options));
  Appends appends(*fixture, kEvents);
  Appends commands(*fixture, kInbound);
  Collector collector;
  const TailOn tail(*fixture, kEvents, Offset(1), collector, 1);
  appends.append(20);
  commands.append(1);
  ASSERT_TRUE(appends.wait_for_all() && commands.wait_for_all());
  cluster.go_down();
  appends.append(100);
  commands.append(10);
  // Those of gateways are given up meanwhile.
  ASSERT_TRUE(commands.wait_for_all());
  EXPECT_EQ(commands.count(Errc::log_unavailable), 10u);
  EXPECT_LT(appends.answered(), 120u);
  EXPECT_FALSE(collector.failed()) << "a tail waits for its brokers";
  cluster.come_up();
  ASSERT_TRUE(appends.wait_for_all());
  EXPECT_EQ(appends.ok(), 120u);
  appends.expect_kept(read_all(fixture->log(), kEvents, Offset(1)));
  expect_delivered(collector, kEvents, Offset(1));
  commands.append(10);
  ASSERT_TRUE(commands.wait_for_all());
  EXPECT_EQ(commands.ok(), 11u);
  commands.expect_kept(read_all(fixture->log(), kInbound));
}

TEST_F(KafkaMock, ReadsSayThatNoBrokerAnswers) {
  KafkaEventLogOptions options = quick();
  options.read_timeout = milliseconds(300);
  open(std::move(options));
  Appends appends(*fixture, kInbound);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  cluster.go_down();
  const auto read = fixture->log().read(kInbound, Offset(0), {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::unavailable);
  const auto bounds = fixture->log().bounds(kInbound);
  ASSERT_FALSE(bounds);
  EXPECT_EQ(bounds.error().code, Errc::unavailable);
  cluster.come_up();
  EXPECT_TRUE(fixture->wait_until([&] { return fixture->log().bounds(kInbound).has_value(); }));
}

// Whoever asks for it has others to serve.
TEST_F(KafkaMock, APartitionWithoutALeaderIsGivenUpLongBeforeTheTimeout) {
  KafkaEventLogOptions options = quick();
  options.read_timeout = milliseconds(120'000);
  open(std::move(options));
  Appends appends(*fixture, kInbound);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  cluster.move_leader(kInbound, -1);
  std::atomic<int> answers = 0;
  fixture->executor(1).post([&] {
    for (int i = 0; i < 3; ++i) {
      const auto bounds = fixture->log().bounds(kInbound);
      if (!bounds && bounds.error().code == Errc::unavailable) ++answers;
    }
  });
  EXPECT_TRUE(fixture->wait_until([&] { return answers == 3; }));
  cluster.move_leader(kInbound, 2);
  EXPECT_TRUE(fixture->wait_until([&] { return fixture->log().bounds(kInbound).has_value(); }));
  EXPECT_EQ(fixture->log().read(kInbound, Offset(0), {})->size(), 5u);
  fixture->run_on(1, [] {});
}

TEST_F(KafkaMock, WhoAsksAboutAPartitionWithoutALeaderKeepsNobodyElseWaiting) {
  open(quick());
  Appends appends(*fixture, kInbound);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  cluster.move_leader(kEvents, -1);
  struct Told {
    std::mutex mutex;
    std::vector<TopicPartition> order;
    std::map<TopicPartition, Result<LogBounds>> found;
  };
  const auto told = std::make_shared<Told>();
  fixture->run_on(1, [&] {
    for (const TopicPartition& at : {kEvents, kInbound})
      fixture->log().ask_bounds(at, fixture->executor(1),
                                [told, at](const Result<LogBounds>& found) {
                                  const std::lock_guard lock(told->mutex);
                                  told->order.push_back(at);
                                  told->found.emplace(at, found);
                                });
  });
  EXPECT_TRUE(fixture->wait_until([&] {
    const std::lock_guard lock(told->mutex);
    return told->order.size() == 2;
  }));
  const std::lock_guard lock(told->mutex);
  EXPECT_EQ(told->order, (std::vector<TopicPartition>{kInbound, kEvents}));
  ASSERT_TRUE(told->found.at(kInbound));
  EXPECT_EQ(told->found.at(kInbound)->end, Offset(5));
  ASSERT_FALSE(told->found.at(kEvents));
  EXPECT_EQ(told->found.at(kEvents).error().code, Errc::unavailable);
}

// Two of its partitions held both threads there were.
TEST_F(KafkaMock, PartitionsOfAFrozenBrokerKeepNobodyElseWaiting) {
  for (int i = 0; i < kPartitions; ++i) cluster.move_leader({Topic::events, Partition(i)}, 3);
  cluster.move_leader(kInbound, 1);
  KafkaEventLogOptions options = quick();
  options.read_timeout = milliseconds(60'000);
  open(std::move(options));
  Appends appends(*fixture, kInbound);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  cluster.freeze(3);
  const auto of_frozen = std::make_shared<std::atomic<int>>(0);
  const auto of_healthy = std::make_shared<std::atomic<int>>(0);
  fixture->run_on(1, [&] {
    for (int i = 0; i < kPartitions; ++i)
      fixture->log().ask_bounds({Topic::events, Partition(i)}, fixture->executor(1),
                                [of_frozen](const Result<LogBounds>&) { ++*of_frozen; });
    fixture->log().ask_bounds(kInbound, fixture->executor(1),
                              [of_healthy](const Result<LogBounds>& found) {
                                if (found) ++*of_healthy;
                              });
  });
  EXPECT_TRUE(fixture->wait_until([&] { return *of_healthy + *of_frozen > 0; }));
  EXPECT_EQ(*of_healthy, 1);
  EXPECT_EQ(*of_frozen, 0);
}

// A broker that has just started, or just got a partition, says so for a moment.
TEST_F(KafkaMock, APartitionThatIsUnknownForAMomentIsWaitedFor) {
  open();
  Appends appends(*fixture, kInbound);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  const std::vector<rd_kafka_resp_err_t> for_a_moment(3, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  cluster.refuse(kListOffsetsRequest, for_a_moment);
  const auto bounds = fixture->log().bounds(kInbound);
  ASSERT_TRUE(bounds) << bounds.error().message;
  EXPECT_EQ(bounds->end, Offset(5));
  cluster.refuse(kFetchRequest, for_a_moment);
  const auto read = fixture->log().read(kInbound, Offset(0), {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->size(), 5u);
}

// Found on three brokers: right behind `topics create` a new leader said that there was nothing,
// and the role that began ended with "its genesis is missing".
TEST_F(KafkaMock, AGenesisThatIsUnknownForAMomentIsWaitedFor) {
  TestTopicsOptions topics{
      .brokers = cluster.brokers(), .partitions = kPartitions, .prefix = kPrefix, .exist = true};
  topics.genesis = false;
  // Its client knows the topic by then; the other partitions' genesis is in none's way.
  KafkaTopicsForTest writer(topics);
  writer.produce(Topic::events, kPartitions - 1, nullptr, "x");
  std::thread later([&] {
    std::this_thread::sleep_for(milliseconds(300));
    writer.write_genesis();
  });
  EXPECT_NO_THROW(KafkaFixture(topics, quick()));
  later.join();
}

TEST_F(KafkaMock, AFullQueueRefuses) {
  KafkaEventLogOptions options = quick();
  options.queue_records_max = 10;
  open(std::move(options));
  Appends warm(*fixture, kEvents);
  warm.append(1);
  ASSERT_TRUE(warm.wait_for_all());
  cluster.go_down();
  Appends appends(*fixture, {Topic::events, Partition(3)});
  appends.append(30);
  ASSERT_TRUE(fixture->wait_until([&] { return appends.answered() >= 20; }));
  EXPECT_EQ(appends.count(Errc::overloaded), 20u);
  EXPECT_EQ(fixture->kafka().statistics().queue_records, 10u);
  cluster.come_up();
  ASSERT_TRUE(appends.wait_for_all());
  EXPECT_EQ(appends.ok(), 10u);
  EXPECT_EQ(fixture->kafka().statistics().queue_records, 0u);
}

TEST_F(KafkaMock, WhatNobodyWaitsForTakesNoPlaceOfEventsAndCommands) {
  KafkaEventLogOptions options = quick();
  options.queue_records_max = 10;
  options.append_timeout = milliseconds(60'000);
  open(std::move(options));
  Appends progress(*fixture, {Topic::progress, Partition(1)});
  Appends events(*fixture, kEvents);
  Appends commands(*fixture, kInbound);
  for (Appends* const one : {&progress, &events, &commands}) {
    one->append(1);
    ASSERT_TRUE(one->wait_for_all());
  }
  cluster.go_down();
  progress.append(30);
  ASSERT_TRUE(fixture->wait_until([&] { return progress.answered() >= 21; }));
  EXPECT_EQ(progress.count(Errc::overloaded), 20u);
  events.append(10);
  commands.append(10);
  cluster.come_up();
  ASSERT_TRUE(events.wait_for_all() && commands.wait_for_all() && progress.wait_for_all());
  EXPECT_EQ(events.ok(), 11u);
  EXPECT_EQ(commands.ok(), 11u);
  EXPECT_EQ(progress.ok(), 11u);
}

TEST_F(KafkaMock, ATooLargeRecordIsRefusedBeforeItIsSent) {
  KafkaEventLogOptions options = quick();
  options.record_bytes_max = 1000;
  open(std::move(options));
  const Answers answers =
      append_all(*fixture, kInbound, {make_record("anna", std::string(1001, 'x'))});
  ASSERT_FALSE(answers.front());
  EXPECT_EQ(answers.front().error().code, Errc::too_large);
  EXPECT_EQ(fixture->log().bounds(kInbound)->end, Offset(0));
}

TEST_F(KafkaMock, ARecordOfFourMebibytesIsTaken) {
  open();
  std::string value(4'000'000, '\0');
  for (std::size_t i = 0; i < value.size(); ++i)
    value[i] = static_cast<char>((i * 2'654'435'761U) >> 13);  // nothing to compress
  for (const TopicPartition& at : {kInbound, kEvents}) {
    const Answers answers = append_all(*fixture, at, {make_record("anna", value)});
    ASSERT_TRUE(answers.front()) << answers.front().error().message;
    EXPECT_EQ(fixture->log().read(at, *answers.front(), {})->front()->value, value);
    const Answers refused = append_all(*fixture, at, {make_record("anna", value + value)});
    ASSERT_FALSE(refused.front());
    EXPECT_EQ(refused.front().error().code, Errc::too_large);
  }
}

// Tails behind the head share few threads.
TEST_F(KafkaMock, PartitionsWithoutALeaderDoNotHoldUpTailsOfOthers) {
  open();
  std::vector<TopicPartition> dead;
  for (const Topic topic : {Topic::events, Topic::quarantine, Topic::connections, Topic::snapshots})
    for (int partition = 0; partition < kPartitions; ++partition)
      dead.push_back({topic, Partition(partition)});
  std::deque<Collector> collectors(dead.size());
  std::vector<std::unique_ptr<TailOn>> tails;
  for (std::size_t i = 0; i < dead.size(); ++i) {
    ASSERT_TRUE(append_all(*fixture, dead[i], {make_record("anna", "x")}).front());
    tails.push_back(std::make_unique<TailOn>(*fixture, dead[i], Offset(0), collectors[i]));
  }
  Appends appends(*fixture, kInbound);
  appends.append(3000);
  ASSERT_TRUE(appends.wait_for_all());
  Collector head;
  const TailOn at_head(*fixture, kInbound, Offset(3000), head, 1);
  ASSERT_TRUE(fixture->wait_until([&] {
    return head.caught_up() && std::ranges::all_of(collectors, [](const Collector& one) {
             return one.caught_up().has_value();
           });
  }));
  for (const TopicPartition& at : dead) cluster.move_leader(at, -1);
  for (std::size_t i = 0; i < dead.size(); ++i)
    tails.push_back(std::make_unique<TailOn>(*fixture, dead[i], Offset(0), collectors[i], 2));
  const auto in_vain = [&] { return fixture->kafka().statistics().reads_in_vain; };
  ASSERT_TRUE(fixture->wait_until([&] { return in_vain() >= dead.size(); }));
  const auto before = in_vain();
  Collector healthy;
  const TailOn behind(*fixture, kInbound, Offset(0), healthy, 1);
  ASSERT_TRUE(fixture->wait_until([&] { return healthy.records().size() == 3000u; }));
  // Twelve pieces, and no turn of all the others between any two of them.
  EXPECT_LT(in_vain() - before, 10 * dead.size());
}

// Issue 6: it waited for as long as the other did, and two such partitions stopped all tails of the
// process that were behind.
TEST_F(KafkaMock, WhoeverReadsAPartitionThatSomebodyWaitsForWaitsOnlyUntilItsOwnDeadline) {
  open();
  Appends appends(*fixture, kEvents);
  appends.append(5);
  ASSERT_TRUE(appends.wait_for_all());
  KafkaEventLogOptions options = quick();
  options.kafka = {.brokers = cluster.brokers(), .topic_prefix = kPrefix};
  const auto reader = KafkaReader::open(options);
  ASSERT_TRUE(reader) << reader.error().message;
  const auto read_for = [&](milliseconds longest) {
    return (*reader)->read(kEvents, Offset(0), Offset(5), {}, KafkaReader::Wait::for_all,
                           std::chrono::steady_clock::now() + longest);
  };
  cluster.move_leader(kEvents, -1);
  std::atomic<bool> is_read = false;
  std::thread first([&] {
    static_cast<void>(read_for(milliseconds(120'000)));
    is_read = true;
  });
  EXPECT_TRUE(fixture->wait_until([&] { return (*reader)->seeks() > 0; }));
  const auto piece = read_for(milliseconds(50));
  EXPECT_FALSE(is_read);
  ASSERT_TRUE(piece);
  EXPECT_TRUE(piece->records.empty());
  EXPECT_EQ(piece->next, Offset(0));
  cluster.move_leader(kEvents, 2);
  first.join();
  EXPECT_EQ(read_for(milliseconds(120'000))->records.size(), 5u);
}

// The broker refuses one of the router's for good, and all that is not answered goes with it; the
// owner sends its whole list again until it is answered in full.
TEST_F(KafkaMock, ABrokenProducerIsReplacedAndNothingIsPastTheFailure) {
  open();
  Appends appends(*fixture, kEvents);
  appends.append(10);
  ASSERT_TRUE(appends.wait_for_all());
  for (const auto error :
       {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
        RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER}) {
    const auto rebuilt = fixture->kafka().statistics().producers_rebuilt;
    const std::size_t ok = appends.ok();
    cluster.refuse(kProduceRequest, {error});
    appends.append(1);
    ASSERT_TRUE(appends.wait_for_all());
    EXPECT_EQ(appends.ok(), ok) << rd_kafka_err2name(error);
    EXPECT_TRUE(fixture->wait_until([&] {
      return fixture->kafka().statistics().producers_rebuilt > rebuilt;
    })) << rd_kafka_err2name(error);
    appends.append(50);
    ASSERT_TRUE(appends.wait_for_all());
    EXPECT_EQ(appends.ok(), ok + 50) << rd_kafka_err2name(error);
  }
  EXPECT_EQ(appends.count(Errc::log_unavailable), 3u);
  appends.expect_kept(read_all(fixture->log(), kEvents, Offset(1)));
}

// Found by reading: the client says that it is broken before it reports what broke it, and often
// nobody stayed for the report.
TEST_F(KafkaMock, WhatTheBrokersRefuseAsTooLargeIsNamedSoEveryTime) {
  open();
  Appends appends(*fixture, kEvents);
  appends.append(1);
  ASSERT_TRUE(appends.wait_for_all());
  for (std::size_t refused = 1; refused <= 12; ++refused) {
    const auto rebuilt = fixture->kafka().statistics().producers_rebuilt;
    cluster.refuse(kProduceRequest, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    appends.append(1);
    ASSERT_TRUE(appends.wait_for_all());
    ASSERT_EQ(appends.count(Errc::too_large), refused);
    ASSERT_TRUE(fixture->wait_until(
        [&] { return fixture->kafka().statistics().producers_rebuilt > rebuilt; }));
  }
  appends.append(10);
  ASSERT_TRUE(appends.wait_for_all());
  EXPECT_EQ(appends.ok(), 11u);
}

TEST_F(KafkaMock, ClosingAnswersEverything) {
  KafkaEventLogOptions options = quick();
  options.close_timeout = milliseconds(200);
  open(std::move(options));
  Appends kept(*fixture, kEvents);
  kept.append(500);  // and closed before they can be reported
  fixture->close();
  fixture->run_on(0, [] {});
  EXPECT_EQ(kept.answered(), 500u);
  EXPECT_EQ(kept.ok() + kept.count(Errc::stopped), 500u);
  fixture->open();
  kept.expect_kept(read_all(fixture->log(), kEvents, Offset(1)));
  Appends lost(*fixture, kInbound);
  lost.append(1);
  ASSERT_TRUE(lost.wait_for_all());
  cluster.go_down();
  lost.append(5);
  std::atomic<int> refused = 0;
  for (int i = 0; i < 4; ++i)  // more than are looked at meanwhile
    fixture->log().ask_bounds(
        kInbound, fixture->executor(0),
        [&refused](const Result<LogBounds>& found) { refused += found ? 0 : 1; });
  fixture->close();
  fixture->run_on(0, [] {});
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(lost.answered(), 6u);
  EXPECT_EQ(lost.count(Errc::stopped), 5u);
}

class Member final : public MembershipSink {
 public:
  void on_assigned(std::span<const Partition> partitions) override {
    assigned = static_cast<int>(partitions.size());
    is_out = false;
  }
  void on_trouble(const Error& error) override {
    if (error.message.find("Group authorization failed") != std::string::npos) ++refusals;
    // The latter where its share was just taken to be given out anew.
    for (const char* const reason : {"not heard of this member", "nothing assigned since"})
      if (error.message.find(reason) != std::string::npos) is_out = true;
  }
  std::atomic<int> assigned = -1;  // nothing was told yet
  std::atomic<bool> is_out = false;
  std::atomic<int> refusals = 0;
};

TEST_F(KafkaMock, WhatAGroupRefusesIsToldOnceAndTriedAgain) {
  open();
  cluster.refuse(kJoinGroupRequest,
                 std::vector<rd_kafka_resp_err_t>(3, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED));
  Member member;
  std::unique_ptr<Membership> membership;
  fixture->run_on(0, [&] { membership = fixture->log().join("g", fixture->executor(0), member); });
  EXPECT_TRUE(fixture->wait_until([&] { return member.assigned == kPartitions; }));
  EXPECT_EQ(member.refusals, 1);
  fixture->run_on(0, [&] { membership.reset(); });
}

// With partitions or a spare one.
TEST_F(KafkaMock, AMemberThatIsNotHeardOfIsOutUntilItIsAssignedAgain) {
  KafkaEventLogOptions options = quick();
  options.session_timeout = milliseconds(4'000);
  open(std::move(options));
  std::array<Member, kPartitions + 1> members;
  std::vector<std::unique_ptr<Membership>> memberships;
  const auto each = [&](auto holds) { return std::ranges::all_of(members, holds); };
  const auto is_in = [](const Member& one) { return !one.is_out && one.assigned >= 0; };
  const auto is_shared_out = [&] {
    const auto spare = [](const Member& one) { return one.assigned == 0; };
    return each(is_in) && std::ranges::count_if(members, spare) == 1;
  };
  fixture->run_on(0, [&] {
    for (Member& member : members)
      memberships.push_back(fixture->log().join("g", fixture->executor(0), member));
  });
  ASSERT_TRUE(fixture->wait_until(is_shared_out));
  cluster.go_down();
  EXPECT_TRUE(fixture->wait_until(
      [&] { return each([](const Member& one) { return one.is_out && one.assigned == 0; }); }));
  cluster.come_up();
  EXPECT_TRUE(fixture->wait_until(is_shared_out));
  fixture->run_on(0, [&] { memberships.clear(); });
}

TEST_F(KafkaMock, AMemberThatCannotBeMadeEndsTheProcess) {
  KafkaEventLogOptions options = quick();
  // Every heartbeat would come too late.
  options.session_timeout = milliseconds(24 * 3'600'000 + 1);
  std::atomic<bool> ended = false;
  options.fatal = [&ended](const Error& error) { ended = error.code == Errc::bad_config; };
  open(std::move(options));
  Member member;
  std::unique_ptr<Membership> membership;
  fixture->run_on(0, [&] { membership = fixture->log().join("g", fixture->executor(0), member); });
  EXPECT_TRUE(fixture->wait_until([&] { return ended.load(); }));
  fixture->run_on(0, [&] { membership.reset(); });
}

TEST_F(KafkaMock, OpeningNamesWhatIsWrong) {
  cli::SystemClock clock;
  Random random(1);
  KafkaEventLogOptions options = quick();
  options.kafka = {.brokers = cluster.brokers(), .topic_prefix = "elsewhere"};
  const auto missing = KafkaEventLog::open(options, clock, random);
  ASSERT_FALSE(missing);
  options.kafka.topic_prefix = kPrefix;
  const auto empty = KafkaEventLog::open(options, clock, random);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Errc::not_found) << empty.error().message;
  EXPECT_NE(empty.error().message.find("signalbox topics create"), std::string::npos)
      << empty.error().message;
  options.open_timeout = milliseconds(500);
  options.kafka.brokers = "127.0.0.1:1";
  const auto nobody = KafkaEventLog::open(options, clock, random);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::unavailable);
  EXPECT_NE(nobody.error().message.find("127.0.0.1:1"), std::string::npos)
      << nobody.error().message;
}

}  // namespace
}  // namespace signalbox::event_store
