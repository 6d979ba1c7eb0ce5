#include "ops/bench/kafka_floor.hpp"

#include <array>
#include <chrono>
#include <initializer_list>
#include <stdexcept>
#include <thread>
#include <utility>

#include "event-store/kafka/kafka_handles.hpp"

namespace signalbox::bench {
namespace {

using namespace event_store;
using SteadyClock = std::chrono::steady_clock;
using Settings = std::initializer_list<std::pair<const char*, const char*>>;

constexpr std::size_t kReasonBytes = 256;
constexpr int kWaitMs = 10'000;
constexpr std::int32_t kPartition = 0;

void check(bool holds, const std::string& otherwise) {
  if (!holds) throw std::runtime_error("the floor: " + otherwise);
}

KafkaClient client(rd_kafka_type_t type, const std::string& brokers, Settings settings) {
  std::array<char, kReasonBytes> reason{};
  KafkaConf conf(rd_kafka_conf_new());
  const auto set = [&](const char* name, const char* value) {
    check(rd_kafka_conf_set(conf.get(), name, value, reason.data(), reason.size()) ==
              RD_KAFKA_CONF_OK,
          reason.data());
  };
  set("bootstrap.servers", brokers.c_str());
  set("socket.nagle.disable", "true");
  for (const auto& [name, value] : settings) set(name, value);
  KafkaClient made(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  check(made != nullptr, reason.data());
  static_cast<void>(conf.release());
  return made;
}

KafkaClient producer(const std::string& brokers) {
  return client(RD_KAFKA_PRODUCER, brokers,
                {{"enable.idempotence", "true"},
                 {"acks", "all"},
                 {"linger.ms", "0"},
                 {"compression.type", "zstd"},
                 {"compression.level", "1"},
                 {"message.timeout.ms", "0"}});
}

KafkaTopic topic(rd_kafka_t* of, const std::string& name) {
  KafkaTopic made(rd_kafka_topic_new(of, name.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  check(rd_kafka_metadata(of, 0, made.get(), &metadata, kWaitMs) == RD_KAFKA_RESP_ERR_NO_ERROR,
        name + " is not there");
  rd_kafka_metadata_destroy(metadata);
  return made;
}

// Follows one partition from its end on.
class Follower {
 public:
  Follower(const std::string& brokers, const std::string& name)
      : client_(client(RD_KAFKA_CONSUMER, brokers,
                       {{"fetch.wait.max.ms", "100"}, {"enable.partition.eof", "true"}})),
        topic_(topic(client_.get(), name)),
        queue_(rd_kafka_queue_new(client_.get())) {
    check(rd_kafka_consume_start_queue(topic_.get(), kPartition, RD_KAFKA_OFFSET_END,
                                       queue_.get()) == 0,
          name + " cannot be read");
    const KafkaMessage end(rd_kafka_consume_queue(queue_.get(), kWaitMs));
    check(end != nullptr && end->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, name + " has no end");
  }
  ~Follower() { rd_kafka_consume_stop(topic_.get(), kPartition); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void take() {
    while (true) {
      const KafkaMessage message(rd_kafka_consume_queue(queue_.get(), kWaitMs));
      check(message != nullptr, "a message never came");
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
      check(message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF, rd_kafka_err2str(message->err));
    }
  }

 private:
  KafkaClient client_;
  KafkaTopic topic_;
  KafkaQueue queue_;
};

void produce(rd_kafka_t* by, const KafkaTopic& to, const std::string& value) {
  const int done =
      rd_kafka_produce(to.get(), kPartition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(value.data()),
                       value.size(), "anna", 4, nullptr);
  check(done == 0, rd_kafka_err2str(rd_kafka_last_error()));
  rd_kafka_poll(by, 0);
}

}  // namespace

std::vector<double> floor_of_two_hops(const FloorTopics& topics, int messages, std::size_t bytes,
                                      std::chrono::milliseconds pause) {
  const KafkaClient gateway = producer(topics.brokers);
  const KafkaClient router = producer(topics.brokers);
  const KafkaTopic inbound = topic(gateway.get(), topics.inbound);
  const KafkaTopic events = topic(router.get(), topics.events);
  Follower commands(topics.brokers, topics.inbound);
  Follower statements(topics.brokers, topics.events);
  const std::string value(bytes, 'x');
  std::vector<double> milliseconds;
  for (int i = 0; i < messages; ++i) {
    std::this_thread::sleep_for(pause);
    const auto start = SteadyClock::now();
    produce(gateway.get(), inbound, value);
    commands.take();
    produce(router.get(), events, value);
    statements.take();
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count());
  }
  return milliseconds;
}

double floor_of_appends(const FloorTopics& topics,
                        const std::vector<std::pair<Partition, NewRecord>>& records, int appends,
                        int in_flight_max) {
  const KafkaClient router = producer(topics.brokers);
  const KafkaTopic events = topic(router.get(), topics.events);
  const auto start = SteadyClock::now();
  for (int i = 0; i < appends; ++i) {
    const auto& [partition, record] = records[static_cast<std::size_t>(i) % records.size()];
    KafkaHeaders headers(rd_kafka_headers_new(32));
    for (const Header header : record.headers)
      rd_kafka_header_add(headers.get(), header.name.data(),
                          static_cast<ssize_t>(header.name.size()), header.value.data(),
                          static_cast<ssize_t>(header.value.size()));
    while (rd_kafka_outq_len(router.get()) >= in_flight_max) rd_kafka_poll(router.get(), 1);
    const auto error = rd_kafka_producev(
        router.get(), RD_KAFKA_V_RKT(events.get()), RD_KAFKA_V_PARTITION(partition.value()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record.key->data(), record.key->size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
        RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
    check(error == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(error));
    static_cast<void>(headers.release());
  }
  check(rd_kafka_flush(router.get(), 60'000) == RD_KAFKA_RESP_ERR_NO_ERROR, "not all was reported");
  return appends / std::chrono::duration<double>(SteadyClock::now() - start).count();
}

}  // namespace signalbox::bench
