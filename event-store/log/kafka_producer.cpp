#include "event-store/log/kafka_producer.hpp"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "event-store/log/kafka_closing.hpp"
#include "event-store/log/kafka_record.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollFor{100};
constexpr milliseconds kLearnFor{2'000};
constexpr milliseconds kRebuildAfter{100};
constexpr milliseconds kLastReportsMax{1'000};  // of one that is broken
constexpr int kEventsPerTurn = 16;
// What topics take at least (topic_rules.cpp); the client's own limit would be a fifth of it.
constexpr std::string_view kMessageBytesMax = "5242880";
constexpr std::size_t kReasonBytes = 512;

Error not_appended(const TopicPartition& at, const std::string& reason) {
  return {Errc::log_unavailable, "no report of an append to " + std::string(to_text(at.topic)) +
                                     " partition " + std::to_string(at.partition.value()) + ": " +
                                     reason};
}

// "It was there before": a broker says so too where it met a later record of this producer first,
// and then the record is nowhere. Only a record whose place is known is in the log.
rd_kafka_resp_err_t outcome_of(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR && message.offset < 0)
    return RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER;
  return message.err;
}

Error error_of(const TopicPartition& at, rd_kafka_resp_err_t error) {
  if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
    return {Errc::too_large, std::string(to_text(at.topic)) +
                                 ": the brokers refuse a record of this size (max.message.bytes)"};
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    return {Errc::overloaded, "too many appends wait for the brokers"};
  return not_appended(at, rd_kafka_err2str(error));
}

}  // namespace

KafkaProducer::Kind KafkaProducer::kind_of(Topic topic) {
  if (topic == Topic::events || topic == Topic::quarantine) return Kind::stated;
  return topic == Topic::inbound ? Kind::commands : Kind::aside;
}

KafkaProducer::KafkaProducer(Kind kind, const KafkaEventLogOptions& options, KafkaEnds& ends)
    : kind_(kind), options_(options), ends_(ends) {}

void KafkaProducer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (ready_) rd_kafka_queue_yield(reports_.get());
  }
  wake_.notify_one();
}

KafkaProducer::~KafkaProducer() {
  stop();
  if (thread_.joinable()) thread_.join();
}

std::optional<Error> KafkaProducer::admit(std::size_t bytes) const {
  if (stopping_) return Error{Errc::stopped, "the log is closing"};
  if (records_ >= options_.queue_records_max || bytes_ + bytes > options_.queue_bytes_max)
    return Error{Errc::overloaded, std::to_string(records_) + " appends of " +
                                       std::to_string(bytes_) + " bytes wait for the brokers"};
  return std::nullopt;
}

void KafkaProducer::append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) {
  const std::size_t bytes =
      record.key.value_or("").size() + record.headers.bytes().size() + record.value.size();
  std::optional<Error> refused;
  if (bytes > options_.record_bytes_max)
    refused =
        Error{Errc::too_large, "a record of " + std::to_string(bytes) + " bytes, the log takes " +
                                   std::to_string(options_.record_bytes_max)};
  const std::lock_guard lock(mutex_);
  if (!refused) refused = admit(bytes);
  if (!refused) {
    Pending& pending = unanswered_.emplace_back(
        Pending{at, std::move(record), bytes, steady_clock::now(), where, {}});
    pending.self = std::prev(unanswered_.end());
    const auto error = ready_ ? produce(pending) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      pending.done = std::move(done);
      ++records_;
      bytes_ += bytes;
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      return;
    }
    refused = error_of(at, error);
    unanswered_.pop_back();
  }
  ++failures_;
  where.post([done = std::move(done), error = std::move(*refused)]() mutable {
    done(tl::unexpected(std::move(error)));
  });
}

rd_kafka_resp_err_t KafkaProducer::produce(Pending& pending) {
  const NewRecord& record = *pending.record;
  KafkaHeaders headers = to_kafka_headers(record.headers);
  const void* const key = record.key ? record.key->data() : nullptr;
  const std::size_t key_bytes = record.key ? record.key->size() : 0;
  rd_kafka_topic_t* const topic = topics_[static_cast<std::size_t>(pending.at.topic)].get();
  // NOLINTNEXTLINE: the interface takes its arguments so.
  const auto error = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(pending.at.partition.value()),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_bytes),
      RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
      RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_OPAQUE(&pending), RD_KAFKA_V_END);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (error == RD_KAFKA_RESP_ERR__FATAL && !broken_)
      broken_ = not_appended(pending.at, rd_kafka_err2str(error));
    return error;
  }
  static_cast<void>(headers.release());  // the message's now
  pending.record.reset();
  return error;
}

void KafkaProducer::run() {
  pthread_setname_np(pthread_self(), "kafka-append");
  while (true) {
    if (start_client()) serve_reports();
    drop_client();
    std::unique_lock lock(mutex_);
    if (stopping_) break;
    ++rebuilt_;
    wake_.wait_for(lock, kRebuildAfter, [this] { return stopping_; });
  }
  PostBatch posts(gate_);
  answer(take_unanswered(), {Errc::stopped, "the log is closing"}, posts);
  posts.flush();
}

bool KafkaProducer::start_client() {
  const std::string timeout = std::to_string(options_.append_timeout.count());
  const bool gapless = kind_ == Kind::stated;
  const KafkaOptions kafka = with_defaults(
      options_.kafka,
      {{"linger.ms", "0"},
       {"compression.type", "zstd"},
       // The tables of a higher level cost each small record 0.1 ms.
       {"compression.level", "1"},
       {"queue.buffering.max.messages", std::to_string(options_.queue_records_max + 1)},
       {"queue.buffering.max.kbytes", std::to_string((options_.queue_bytes_max >> 9) + 1)},
       {"message.max.bytes", std::string(kMessageBytesMax)},
       {"socket.timeout.ms", "10000"},
       {"reconnect.backoff.ms", "50"},
       {"reconnect.backoff.max.ms", "1000"}});
  auto conf = make_kafka_conf(kafka, {{"enable.idempotence", "true"},
                                      {"acks", "all"},
                                      {"enable.gapless.guarantee", gapless ? "true" : "false"},
                                      {"message.timeout.ms", gapless ? "0" : timeout}});
  Result<KafkaClient> client = tl::unexpected(conf ? Error{} : conf.error());
  if (conf) {
    rd_kafka_conf_set_events(conf->get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    client = make_kafka_client(RD_KAFKA_PRODUCER, std::move(*conf));
  }
  if (!client) {
    options_.fatal(client.error());
    const std::lock_guard lock(mutex_);
    stopping_ = true;  // the process is to end; nothing more is taken
    return false;
  }
  client_ = std::move(*client);
  reports_.reset(rd_kafka_queue_get_main(client_.get()));
  for (int i = 0; i < kTopicCount; ++i) {
    const auto topic = static_cast<Topic>(i);
    // The client looks at every partition it knows each time it wakes.
    topics_.emplace_back(kind_of(topic) != kind_
                             ? nullptr
                             : rd_kafka_topic_new(client_.get(),
                                                  topic_name(options_.kafka, topic).c_str(),
                                                  nullptr));
  }
  learn_partitions();
  PostBatch posts(gate_);
  produce_waiting(posts);
  posts.flush();
  return true;
}

// The first record of a topic that the client has not met waits for a timer of a second.
void KafkaProducer::learn_partitions() {
  const MonotonicTime deadline = steady_clock::now() + kLearnFor;
  for (const KafkaTopic& topic : topics_) {
    if (!topic) continue;
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) return;
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client_.get(), 0, topic.get(), &metadata,
                          static_cast<int>(left.count())) == RD_KAFKA_RESP_ERR_NO_ERROR)
      rd_kafka_metadata_destroy(metadata);
  }
}

void KafkaProducer::produce_waiting(PostBatch& posts) {
  const std::lock_guard lock(mutex_);
  for (auto next = unanswered_.begin(); next != unanswered_.end();) {
    Pending& pending = *next++;
    const auto error = produce(pending);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    PendingList refused;
    refused.splice(refused.end(), unanswered_, pending.self);
    --records_;
    bytes_ -= pending.bytes;
    const Error why = error_of(pending.at, error);
    answer(std::move(refused), why, posts);
  }
  ready_ = true;
}

void KafkaProducer::serve_reports() {
  MonotonicTime deadline{};
  bool is_broken = false;  // before the last turn
  while (true) {
    PostBatch posts(gate_);
    int events = 0;
    for (; events < kEventsPerTurn; ++events) {
      const milliseconds patience = is_broken ? kLastReportsMax / 2 : kPollFor;
      const int wait = events == 0 ? static_cast<int>(patience.count()) : 0;
      const KafkaEvent event(rd_kafka_queue_poll(reports_.get(), wait));
      if (!event) break;
      take_reports(*event, posts);
    }
    posts.flush();
    const std::lock_guard lock(mutex_);
    if (is_broken && events == 0) return;
    // The report of what broke it, and thus why, comes after the news that it is broken.
    is_broken = broken_.has_value();
    if (!is_broken && !stopping_) continue;
    const MonotonicTime now = steady_clock::now();
    if (deadline == MonotonicTime{})
      deadline = now + (is_broken ? kLastReportsMax : options_.close_timeout);
    if (unanswered_.empty() || now >= deadline) return;
  }
}

void KafkaProducer::take_reports(rd_kafka_event_t& event, PostBatch& posts) {
  if (rd_kafka_event_type(&event) == RD_KAFKA_EVENT_ERROR) {
    if (rd_kafka_event_error_is_fatal(&event) == 0) return;
    const std::lock_guard lock(mutex_);
    if (!broken_) broken_ = Error{Errc::log_unavailable, rd_kafka_event_error_string(&event)};
    return;
  }
  if (rd_kafka_event_type(&event) != RD_KAFKA_EVENT_DR) return;
  const std::lock_guard lock(mutex_);
  while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(&event)) {
    auto& pending = *static_cast<Pending*>(message->_private);
    const auto outcome = outcome_of(*message);
    if (outcome != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if ((kind_ == Kind::stated || outcome == RD_KAFKA_RESP_ERR__FATAL) && !broken_)
        broken_ = not_appended(pending.at, rd_kafka_err2str(outcome));
      // Answered with all the others when the client is given up.
      if (broken_ && outcome != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) continue;
    }
    PendingList reported;
    reported.splice(reported.end(), unanswered_, pending.self);
    --records_;
    bytes_ -= pending.bytes;
    if (outcome != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const Error why = error_of(pending.at, outcome);
      answer(std::move(reported), why, posts);
      continue;
    }
    const Offset offset(message->offset);
    ends_.raise(pending.at, offset.next());
    ++appended_;
    posts.add(pending.where, [done = std::move(pending.done), offset] { done(offset); });
  }
}

void KafkaProducer::answer(PendingList answered, const Error& error, PostBatch& posts) {
  failures_ += answered.size();
  for (Pending& pending : answered)
    posts.add(pending.where,
              [done = std::move(pending.done), error] { done(tl::unexpected(error)); });
}

KafkaProducer::PendingList KafkaProducer::take_unanswered() {
  const std::lock_guard lock(mutex_);
  records_ = 0;
  bytes_ = 0;
  return std::exchange(unanswered_, {});
}

void KafkaProducer::drop_client() {
  std::optional<Error> why;
  PendingList lost;
  {
    const std::lock_guard lock(mutex_);
    ready_ = false;
    why = std::exchange(broken_, std::nullopt);
    if (why) lost = std::exchange(unanswered_, {});
    if (why) records_ = 0;
    if (why) bytes_ = 0;
  }
  if (why) {
    spdlog::warn("a Kafka producer is replaced, {} appends are of unknown outcome: {}", lost.size(),
                 why->message);
    PostBatch posts(gate_);
    answer(std::move(lost), *why, posts);
    posts.flush();
  }
  topics_.clear();
  reports_ = nullptr;
  close_client(std::move(client_), "a producer");
}

void KafkaProducer::add_to(KafkaEventLogStatistics& sum) const {
  sum.appended += appended_;
  sum.append_failures += failures_;
  sum.producers_rebuilt += rebuilt_;
  const std::lock_guard lock(mutex_);
  sum.queue_records += records_;
  sum.queue_bytes += bytes_;
  if (unanswered_.empty()) return;
  const auto waits =
      std::chrono::floor<milliseconds>(steady_clock::now() - unanswered_.front().since);
  sum.oldest_append = std::max(sum.oldest_append, waits);
}

}  // namespace signalbox::event_store
