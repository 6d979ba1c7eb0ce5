#include "event-store/kafka/kafka_admin.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "event-store/kafka/kafka_config.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

using KafkaNewTopic = KafkaHandle<rd_kafka_NewTopic_t, rd_kafka_NewTopic_destroy>;
using KafkaAdminOptions = KafkaHandle<rd_kafka_AdminOptions_t, rd_kafka_AdminOptions_destroy>;
using KafkaConfigResource = KafkaHandle<rd_kafka_ConfigResource_t, rd_kafka_ConfigResource_destroy>;
// librdkafka declares its destroyer for a pointer to const.
struct DestroyMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
using KafkaMetadata = std::unique_ptr<const rd_kafka_metadata_t, DestroyMetadata>;

constexpr std::size_t kReasonBytes = 512;
constexpr milliseconds kSettlingPoll{20};
constexpr int kConnectMs = 5000;
constexpr int kAppendTimeoutLeastMs = 1000;  // it must be longer than a batch waits for company

void keep_reason(rd_kafka_t*, int, const char* reason, void* into) {
  *static_cast<std::string*>(into) = reason;
}
// What matters is told with the error that it leads to.
void drop_line(const rd_kafka_t*, int, const char*, const char*) {}

Errc errc_of(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED: return Errc::forbidden;
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: return Errc::bad_config;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS: return Errc::log_unavailable;
    default: return Errc::io_error;
  }
}

// As after a topic was made or a leader has moved: the brokers do not agree yet.
bool is_settling(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
         code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
         code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

Record record_of(const rd_kafka_message_t& message, TopicPartition at) {
  Record record{at, Offset(message.offset), {}, {}, {}, {}};
  if (message.key != nullptr)
    record.key.emplace(static_cast<const char*>(message.key), message.key_len);
  record.value.assign(static_cast<const char*>(message.payload), message.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return record;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
    record.headers.set(name, {static_cast<const char*>(value), value == nullptr ? 0 : size});
  return record;
}

}  // namespace

KafkaAdmin::KafkaAdmin(KafkaOptions options, Deadline deadline)
    : options_(std::move(options)), deadline_(deadline) {}

KafkaAdmin::~KafkaAdmin() = default;

Result<std::unique_ptr<KafkaAdmin>> KafkaAdmin::connect(const KafkaOptions& options,
                                                        milliseconds patience) {
  std::unique_ptr<KafkaAdmin> admin(new KafkaAdmin(options, steady_clock::now() + patience));
  // Small fetches: of each partition the first record is wanted.
  auto conf = make_kafka_conf(options, {{"allow.auto.create.topics", "false"},
                                        {"auto.offset.reset", "error"},
                                        {"fetch.message.max.bytes", "4096"},
                                        {"queued.min.messages", "1"}});
  if (!conf) return tl::unexpected(conf.error());
  rd_kafka_conf_set_error_cb(conf->get(), keep_reason);
  rd_kafka_conf_set_log_cb(conf->get(), drop_line);
  rd_kafka_conf_set_opaque(conf->get(), &admin->last_reason_);
  auto client = make_kafka_client(RD_KAFKA_CONSUMER, *std::move(conf));
  if (!client) return tl::unexpected(client.error());
  admin->client_ = *std::move(client);
  admin->answers_.reset(rd_kafka_queue_new(admin->client_.get()));
  if (auto met = admin->meet_brokers(); !met) return tl::unexpected(met.error());
  return admin;
}

int KafkaAdmin::left_ms() const {
  const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(1, left.count()));
}

bool KafkaAdmin::pause() const {
  std::this_thread::sleep_for(kSettlingPoll);
  return steady_clock::now() < deadline_;
}

Error KafkaAdmin::problem(const std::string& doing, rd_kafka_resp_err_t code) {
  rd_kafka_poll(client_.get(), 0);  // what it has to say of its connections
  std::string message =
      "Kafka at " + options_.brokers + ": " + doing + ": " + rd_kafka_err2str(code);
  const Errc kind = errc_of(code);
  if (kind == Errc::log_unavailable && !last_reason_.empty()) message += " (" + last_reason_ + ")";
  return {kind, std::move(message)};
}

Result<void> KafkaAdmin::meet_brokers() {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto code =
      rd_kafka_metadata(client_.get(), 0, nullptr, &raw, std::min(left_ms(), kConnectMs));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return tl::unexpected(problem("no broker answers", code));
  brokers_ = KafkaMetadata(raw)->broker_cnt;
  return {};
}

Result<std::optional<KafkaAdmin::Shape>> KafkaAdmin::shape(const std::string& topic) {
  const KafkaTopic handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* raw = nullptr;
  const auto code = rd_kafka_metadata(client_.get(), 0, handle.get(), &raw, left_ms());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return tl::unexpected(problem("cannot look at topic " + topic, code));
  const KafkaMetadata metadata(raw);
  if (metadata->topic_cnt != 1) return failure(Errc::io_error, "no answer about topic " + topic);
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return std::optional<Shape>();
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR &&
      found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
    return tl::unexpected(problem("cannot look at topic " + topic, found.err));
  Shape shape{.partitions = found.partition_cnt, .has_leaders = found.partition_cnt > 0};
  for (int p = 0; p < found.partition_cnt; ++p) {
    const rd_kafka_metadata_partition_t& partition = found.partitions[p];
    if (partition.leader < 0) shape.has_leaders = false;
    if (p == 0 || partition.replica_cnt < shape.replication)
      shape.replication = partition.replica_cnt;
  }
  return std::optional(shape);
}

Result<KafkaEvent> KafkaAdmin::answer(const std::string& doing) {
  KafkaEvent event(rd_kafka_queue_poll(answers_.get(), left_ms()));
  if (!event) return tl::unexpected(problem(doing, RD_KAFKA_RESP_ERR__TIMED_OUT));
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return tl::unexpected(problem(doing, code));
  return event;
}

Result<std::map<std::string, std::map<std::string, std::string>>> KafkaAdmin::settings(
    const std::vector<std::string>& topics) {
  std::vector<KafkaConfigResource> asked;
  std::vector<rd_kafka_ConfigResource_t*> handles;
  for (const std::string& topic : topics) {
    asked.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    handles.push_back(asked.back().get());
  }
  std::map<std::string, std::map<std::string, std::string>> all;
  if (handles.empty()) return all;
  rd_kafka_DescribeConfigs(client_.get(), handles.data(), handles.size(), nullptr, answers_.get());
  const auto event = answer("cannot read the settings of topics");
  if (!event) return tl::unexpected(event.error());
  std::size_t count = 0;
  const auto* const resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string topic = rd_kafka_ConfigResource_name(resources[i]);
    if (const auto code = rd_kafka_ConfigResource_error(resources[i]);
        code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // Whoever was asked may not know yet of what another one has just made.
      if (is_settling(code) && pause()) return settings(topics);
      return tl::unexpected(problem("cannot read the settings of topic " + topic, code));
    }
    std::size_t entries = 0;
    const auto* const configs = rd_kafka_ConfigResource_configs(resources[i], &entries);
    for (std::size_t e = 0; e < entries; ++e)
      if (const char* const value = rd_kafka_ConfigEntry_value(configs[e]); value != nullptr)
        all[topic].emplace(rd_kafka_ConfigEntry_name(configs[e]), value);
  }
  return all;
}

Result<void> KafkaAdmin::create(const std::vector<NewTopic>& topics) {
  if (topics.empty()) return {};
  std::array<char, kReasonBytes> reason{};
  std::vector<KafkaNewTopic> made;
  std::vector<rd_kafka_NewTopic_t*> handles;
  for (const NewTopic& topic : topics) {
    made.emplace_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication,
                                            reason.data(), reason.size()));
    if (!made.back())
      return failure(Errc::bad_config, "topic " + topic.name + ": " + reason.data());
    for (const auto& [name, value] : topic.settings)
      rd_kafka_NewTopic_set_config(made.back().get(), name.c_str(), value.c_str());
    handles.push_back(made.back().get());
  }
  const KafkaAdminOptions options(
      rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), left_ms(), reason.data(),
                                              reason.size());
  rd_kafka_CreateTopics(client_.get(), handles.data(), handles.size(), options.get(),
                        answers_.get());
  const auto event = answer("cannot create topics");
  if (!event) return tl::unexpected(event.error());
  std::size_t count = 0;
  const auto* const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    const char* const text = rd_kafka_topic_result_error_string(results[i]);
    Error error =
        problem("cannot create topic " + std::string(rd_kafka_topic_result_name(results[i])), code);
    if (text != nullptr) error.message += ": " + std::string(text);
    return tl::unexpected(std::move(error));
  }
  for (const NewTopic& topic : topics)
    if (auto done = await_leaders(topic.name); !done) return done;
  return {};
}

Result<void> KafkaAdmin::await_leaders(const std::string& topic) {
  for (;;) {
    const auto found = shape(topic);
    if (!found) return tl::unexpected(found.error());
    if (*found && (*found)->has_leaders) return {};
    if (!pause())
      return tl::unexpected(problem("topic " + topic + " has partitions without a leader",
                                    RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE));
  }
}

Result<KafkaAdmin::Bounds> KafkaAdmin::bounds(const std::string& topic, Partition partition) {
  Bounds bounds{};
  auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    code = rd_kafka_query_watermark_offsets(client_.get(), topic.c_str(), partition.value(),
                                            &bounds.first, &bounds.end, left_ms());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return bounds;
  } while (is_settling(code) && pause());
  return tl::unexpected(problem(
      "cannot look at partition " + std::to_string(partition.value()) + " of " + topic, code));
}

Result<std::vector<Record>> KafkaAdmin::first_records(const std::string& topic,
                                                      const std::vector<Partition>& partitions) {
  const KafkaTopic handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const KafkaQueue queue(rd_kafka_queue_new(client_.get()));
  for (const Partition partition : partitions)
    rd_kafka_consume_start_queue(handle.get(), partition.value(), RD_KAFKA_OFFSET_BEGINNING,
                                 queue.get());
  std::map<Partition, Record> found;
  Result<void> done;
  while (found.size() < partitions.size() && done) {
    const KafkaMessage message(rd_kafka_consume_queue(queue.get(), left_ms()));
    if (!message)
      done = tl::unexpected(problem("cannot read " + topic, RD_KAFKA_RESP_ERR__TIMED_OUT));
    else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !is_settling(message->err))
      done = tl::unexpected(problem("cannot read " + topic, message->err));
    else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      found.emplace(Partition(message->partition),
                    record_of(*message, {Topic::events, Partition(message->partition)}));
  }
  for (const Partition partition : partitions)
    rd_kafka_consume_stop(handle.get(), partition.value());
  if (!done) return tl::unexpected(done.error());
  std::vector<Record> records;
  for (const Partition partition : partitions) records.push_back(std::move(found.at(partition)));
  return records;
}

Result<void> KafkaAdmin::append(const std::string& topic,
                                const std::vector<std::pair<Partition, NewRecord>>& records) {
  const std::string timeout = std::to_string(std::max(kAppendTimeoutLeastMs, left_ms()));
  auto conf = make_kafka_conf(
      options_, {{"enable.idempotence", "true"}, {"acks", "all"}, {"message.timeout.ms", timeout}});
  if (!conf) return tl::unexpected(conf.error());
  // The last report that is not good; set by the callback, which runs in the flush below.
  auto bad = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_conf_set_dr_msg_cb(conf->get(),
                              [](rd_kafka_t*, const rd_kafka_message_t* message, void* into) {
                                if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                                  *static_cast<rd_kafka_resp_err_t*>(into) = message->err;
                              });
  rd_kafka_conf_set_log_cb(conf->get(), drop_line);
  rd_kafka_conf_set_opaque(conf->get(), &bad);
  auto producer = make_kafka_client(RD_KAFKA_PRODUCER, *std::move(conf));
  if (!producer) return tl::unexpected(producer.error());
  for (const auto& [partition, record] : records) {
    KafkaHeaders headers(rd_kafka_headers_new(16));
    for (const Header header : record.headers)
      rd_kafka_header_add(headers.get(), header.name.data(),
                          static_cast<std::ptrdiff_t>(header.name.size()), header.value.data(),
                          static_cast<std::ptrdiff_t>(header.value.size()));
    const void* const key = record.key ? record.key->data() : nullptr;
    const std::size_t key_bytes = record.key ? record.key->size() : 0;
    const auto code = rd_kafka_producev(
        producer->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition.value()),
        RD_KAFKA_V_KEY(key, key_bytes),
        RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers.get()),
        RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
      return tl::unexpected(problem("cannot append to " + topic, code));
    static_cast<void>(headers.release());  // the message's now
  }
  const auto flushed = rd_kafka_flush(producer->get(), left_ms());
  if (bad == RD_KAFKA_RESP_ERR_NO_ERROR) bad = flushed;
  if (bad == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return tl::unexpected(problem("cannot append to " + topic, bad));
}

}  // namespace signalbox::event_store
