#include "tests/log/kafka_topics_for_test.hpp"

#include <array>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "event-store/contract/codec.hpp"

namespace signalbox::event_store {
namespace {

constexpr int kWaitMs = 30'000;
constexpr int kAskMs = 1'000;
constexpr std::size_t kReasonBytes = 256;

using NewTopic = KafkaHandle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using DeleteTopic = KafkaHandle<rd_kafka_DeleteTopic_t, rd_kafka_DeleteTopic_destroy>;
using DeleteRecords = KafkaHandle<rd_kafka_DeleteRecords_t, rd_kafka_DeleteRecords_destroy>;

void check(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error(otherwise);
}

template <class Handle>
Handle made(Handle handle) {
  check(handle != nullptr, "librdkafka makes nothing of this");
  return handle;
}

}  // namespace

KafkaTopicsForTest::KafkaTopicsForTest(TestTopicsOptions options)
    : options_(std::move(options)),
      random_(std::random_device()()),
      kafka_{.brokers = options_.brokers,
             .topic_prefix = options_.prefix.empty()
                                 ? "test-" + random_.uuid().to_string().substr(0, 13)
                                 : options_.prefix} {
  auto conf = make_kafka_conf(kafka_, {{"message.timeout.ms", "30000"}});
  check(conf.has_value(), "no configuration");
  auto client = make_kafka_client(RD_KAFKA_PRODUCER, std::move(*conf));
  check(client.has_value(), "no client");
  client_ = std::move(*client);
  if (!options_.exist) create();
  if (options_.genesis) write_genesis();
}

KafkaTopicsForTest::~KafkaTopicsForTest() {
  if (options_.exist) return;
  std::vector<DeleteTopic> topics;
  for (int i = 0; i < kTopicCount; ++i)
    topics.emplace_back(
        rd_kafka_DeleteTopic_new(topic_name(kafka_, static_cast<Topic>(i)).c_str()));
  std::array<rd_kafka_DeleteTopic_t*, kTopicCount> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = topics[i].get();
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_DeleteTopics(client_.get(), raw.data(), raw.size(), nullptr, queue.get());
  const KafkaEvent event(rd_kafka_queue_poll(queue.get(), kWaitMs));
}

KafkaEvent KafkaTopicsForTest::wait_for(rd_kafka_queue_t& queue, const char* what) {
  KafkaEvent event(rd_kafka_queue_poll(&queue, kWaitMs));
  check(event != nullptr, std::string(what) + ": no answer");
  const auto error = rd_kafka_event_error(event.get());
  check(error == RD_KAFKA_RESP_ERR_NO_ERROR,
        std::string(what) + ": " + rd_kafka_event_error_string(event.get()));
  return event;
}

void KafkaTopicsForTest::create() {
  std::array<char, kReasonBytes> reason{};
  std::vector<NewTopic> topics;
  for (int i = 0; i < kTopicCount; ++i) {
    topics.push_back(made(NewTopic(rd_kafka_NewTopic_new(
        topic_name(kafka_, static_cast<Topic>(i)).c_str(), options_.partitions, options_.replicas,
        reason.data(), reason.size()))));
    rd_kafka_NewTopic_set_config(topics.back().get(), "message.timestamp.type", "LogAppendTime");
    rd_kafka_NewTopic_set_config(topics.back().get(), "min.insync.replicas",
                                 std::to_string(options_.min_insync).c_str());
  }
  std::array<rd_kafka_NewTopic_t*, kTopicCount> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = topics[i].get();
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_CreateTopics(client_.get(), raw.data(), raw.size(), nullptr, queue.get());
  const KafkaEvent event = wait_for(*queue, "CreateTopics");
  std::size_t count = 0;
  const auto* const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i)
    check(
        rd_kafka_topic_result_error(results[i]) == RD_KAFKA_RESP_ERR_NO_ERROR,
        "CreateTopics: " + std::string(rd_kafka_err2str(rd_kafka_topic_result_error(results[i]))));
}

void KafkaTopicsForTest::write_genesis() {
  const LogId log_id(random_.uuid());
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (std::int32_t p = 0; p < options_.partitions; ++p)
    send(Topic::events, p,
         encode_control({random_.uuid().to_string(),
                         "/signalbox/" + log_id.value().to_string() + "/topics/test", now,
                         LogGenesis{log_id, options_.partitions, "murmur2-java"}}));
  check(rd_kafka_flush(client_.get(), kWaitMs) == RD_KAFKA_RESP_ERR_NO_ERROR, "no genesis");
  // Whoever has just become the leader may not know of it yet.
  const std::string name = topic_name(kafka_, Topic::events);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kWaitMs);
  for (std::int32_t p = 0; p < options_.partitions; ++p)
    for (std::int64_t low = 0, high = 0;
         rd_kafka_query_watermark_offsets(client_.get(), name.c_str(), p, &low, &high, kAskMs) !=
             RD_KAFKA_RESP_ERR_NO_ERROR ||
         high < 1;) {
      check(std::chrono::steady_clock::now() < until, "no leader knows of the genesis");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

void KafkaTopicsForTest::send(Topic topic, std::int32_t partition, const NewRecord& record) {
  KafkaHeaders headers(rd_kafka_headers_new(8));
  for (const Header header : record.headers)
    rd_kafka_header_add(headers.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                        header.value.data(), static_cast<ssize_t>(header.value.size()));
  const auto error = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_TOPIC(topic_name(kafka_, topic).c_str()),
      RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
      RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
  check(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
  static_cast<void>(headers.release());
}

void KafkaTopicsForTest::produce(Topic topic, std::int32_t partition, const char* key,
                                 const char* value) {
  const std::size_t key_bytes = key == nullptr ? 0 : std::string_view(key).size();
  const std::size_t value_bytes = value == nullptr ? 0 : std::string_view(value).size();
  const auto error =
      rd_kafka_producev(client_.get(), RD_KAFKA_V_TOPIC(topic_name(kafka_, topic).c_str()),
                        RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_KEY(key, key_bytes),
                        RD_KAFKA_V_VALUE(const_cast<char*>(value), value_bytes), RD_KAFKA_V_END);
  check(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
  check(rd_kafka_flush(client_.get(), kWaitMs) == RD_KAFKA_RESP_ERR_NO_ERROR, "not produced");
}

void KafkaTopicsForTest::produce_in_transaction(Topic topic, std::int32_t partition,
                                                const char* value) {
  const auto done = [](rd_kafka_error_t* raw) {
    const KafkaError error(raw);
    check(error == nullptr, error ? rd_kafka_error_string(error.get()) : "");
  };
  if (!transactional_) {
    auto conf = make_kafka_conf(kafka_, {{"transactional.id", kafka_.topic_prefix}});
    auto client = make_kafka_client(RD_KAFKA_PRODUCER, std::move(*conf));
    check(client.has_value(), "no client");
    transactional_ = std::move(*client);
    done(rd_kafka_init_transactions(transactional_.get(), kWaitMs));
  }
  done(rd_kafka_begin_transaction(transactional_.get()));
  const std::string bytes(value);
  const auto error = rd_kafka_producev(
      transactional_.get(), RD_KAFKA_V_TOPIC(topic_name(kafka_, topic).c_str()),
      RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_VALUE(const_cast<char*>(bytes.data()), bytes.size()), RD_KAFKA_V_END);
  check(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
  done(rd_kafka_commit_transaction(transactional_.get(), kWaitMs));
}

void KafkaTopicsForTest::delete_records(Topic topic, std::int32_t partition, std::int64_t before) {
  const KafkaPartitionList places(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(places.get(), topic_name(kafka_, topic).c_str(), partition)
      ->offset = before;
  const DeleteRecords gone(rd_kafka_DeleteRecords_new(places.get()));
  rd_kafka_DeleteRecords_t* raw = gone.get();
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  rd_kafka_DeleteRecords(client_.get(), &raw, 1, nullptr, queue.get());
  static_cast<void>(wait_for(*queue, "DeleteRecords"));
}

}  // namespace signalbox::event_store
