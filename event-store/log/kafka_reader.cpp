#include "event-store/log/kafka_reader.hpp"

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "event-store/log/kafka_closing.hpp"
#include "event-store/log/kafka_record.hpp"
#include "event-store/log/stored_row.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kResting{3'000};  // longer than tails rest whose partition gives nothing
constexpr milliseconds kAskAgainAfter{20};
// So long a partition may be without a leader while one is elected.
constexpr milliseconds kLeaderComesIn{1'000};
// While somebody waits for the answer; a request for another partition waits behind an empty one.
constexpr std::string_view kFetchWaitMs = "10";

using Metadata = KafkaHandle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;

int milliseconds_until(MonotonicTime when) {
  const auto left = std::chrono::ceil<milliseconds>(when - steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

bool is_damage(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__BAD_MSG || error == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

// What no time mends. That a topic is unknown is not of it: brokers say so for moments while they
// start and while leaders move; that all topics are there was seen when the log was opened.
bool is_refusal(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || error == RD_KAFKA_RESP_ERR__FATAL;
}

}  // namespace

// As std::timed_mutex, of which ThreadSanitizer (g++ 12) does not see waits by a monotonic clock.
class KafkaReader::Turn {
 public:
  [[nodiscard]] bool try_lock() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(is_taken_, true);
  }
  [[nodiscard]] bool try_lock_until(MonotonicTime until) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, until, [this] { return !is_taken_; })) return false;
    is_taken_ = true;
    return true;
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    is_taken_ = false;
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  bool is_taken_ = false;  // guarded by mutex_
};

struct KafkaReader::Place {
  explicit Place(TopicPartition place) : at(place) {}
  const TopicPartition at;
  Turn turn;
  KafkaQueue queue;  // of whoever has the turn, like all below; null: closed
  Offset next{0};
  RecordPtr ahead;  // taken from the queue, not yet asked for
  // Also read without the turn, to choose whom to close.
  std::atomic<bool> is_open = false;
  std::atomic<MonotonicTime> used_at{MonotonicTime{}};
};

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaEventLogOptions& options) {
  const std::string ahead =
      std::to_string(std::max<std::size_t>(options.fetch_ahead_bytes >> 10, 1));
  const KafkaOptions kafka = with_defaults(options.kafka, {{"queued.max.messages.kbytes", ahead},
                                                           {"queued.min.messages", "10000000"},
                                                           {"fetch.wait.max.ms", kFetchWaitMs},
                                                           {"fetch.error.backoff.ms", "50"},
                                                           {"socket.timeout.ms", "10000"},
                                                           {"reconnect.backoff.ms", "50"},
                                                           {"reconnect.backoff.max.ms", "1000"}});
  auto conf = make_kafka_conf(kafka, {{"auto.offset.reset", "error"},
                                      {"enable.auto.commit", "false"},
                                      {"enable.partition.eof", "true"},
                                      {"check.crcs", "true"}});
  if (!conf) return tl::unexpected(conf.error());
  auto client = make_kafka_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) return tl::unexpected(client.error());
  return std::unique_ptr<KafkaReader>(new KafkaReader(options, std::move(*client)));
}

KafkaReader::KafkaReader(const KafkaEventLogOptions& options, KafkaClient client)
    : options_(options), client_(std::move(client)) {
  for (int topic = 0; topic < kTopicCount; ++topic)
    topics_.emplace_back(rd_kafka_topic_new(
        client_.get(), topic_name(options.kafka, static_cast<Topic>(topic)).c_str(), nullptr));
}

KafkaReader::~KafkaReader() {
  for (auto& [at, place] : places_)
    if (place->queue) close(*place);
  places_.clear();
  topics_.clear();
  close_client(std::move(client_), "the log's reader");
}

std::shared_ptr<KafkaReader::Place> KafkaReader::place(const TopicPartition& at) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Place>& found = places_[at];
  if (!found) found = std::make_shared<Place>(at);
  return found;
}

rd_kafka_topic_t* KafkaReader::topic(Topic which) const {
  return topics_[static_cast<std::size_t>(which)].get();
}

void KafkaReader::close(Place& place) {
  rd_kafka_consume_stop(topic(place.at.topic), place.at.partition.value());
  place.ahead = nullptr;
  place.queue = nullptr;
  place.is_open = false;
}

void KafkaReader::close_resting() {
  const MonotonicTime now = steady_clock::now();
  std::vector<std::shared_ptr<Place>> resting;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [at, place] : places_)
      if (place->is_open && now - place->used_at.load() > kResting) resting.push_back(place);
  }
  for (const auto& place : resting) {
    const std::unique_lock one(place->turn, std::try_to_lock);
    if (one && place->queue && now - place->used_at.load() > kResting) close(*place);
  }
}

void KafkaReader::make_room() {
  std::vector<std::shared_ptr<Place>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [at, place] : places_)
      if (place->is_open) open.push_back(place);
  }
  std::ranges::sort(open, {}, [](const auto& place) { return place->used_at.load(); });
  for (std::size_t i = 0; i + options_.readers_max <= open.size(); ++i) {
    const std::unique_lock one(open[i]->turn, std::try_to_lock);
    if (one && open[i]->queue) close(*open[i]);
  }
}

Result<void> KafkaReader::seek(Place& place, Offset to) {
  if (place.queue) close(place);
  make_room();
  ++seeks_;
  place.queue.reset(rd_kafka_queue_new(client_.get()));
  if (rd_kafka_consume_start_queue(topic(place.at.topic), place.at.partition.value(), to.value(),
                                   place.queue.get()) != 0) {
    place.queue = nullptr;
    return failure(Errc::unavailable, name_place(place.at, to) + " cannot be read: " +
                                          rd_kafka_err2str(rd_kafka_last_error()));
  }
  place.is_open = true;
  place.next = to;
  return {};
}

Result<KafkaReader::Piece> KafkaReader::read(const TopicPartition& at, Offset from, Offset end,
                                             ReadLimits limits, Wait wait, MonotonicTime deadline) {
  const auto kept = place(at);
  // Whoever reads it now may wait for a broker that has stopped answering.
  const std::unique_lock one(kept->turn, deadline);
  if (!one) return Piece{{}, from};
  kept->used_at = steady_clock::now();
  if (!kept->queue || kept->next != from)
    if (auto done = seek(*kept, from); !done) return tl::unexpected(done.error());
  Piece piece{{}, from};
  std::size_t bytes = 0;
  while (piece.next < end && piece.records.size() < limits.records_max) {
    const bool enough = wait == Wait::for_first && !piece.records.empty();
    auto taken = take(*kept, enough ? MonotonicTime{} : deadline);
    if (!taken) {
      close(*kept);
      if (!piece.records.empty()) return piece;  // the next read meets it again
      return failed(at, from, taken.error(), deadline);
    }
    if (taken->nothing) break;
    piece.next = std::max(piece.next, std::min(taken->reached, end));
    if (!taken->record || taken->record->offset < piece.next) continue;
    const std::size_t more = size_bytes(*taken->record);
    if (taken->record->offset >= end ||
        (!piece.records.empty() && bytes + more > limits.bytes_max)) {
      kept->ahead = std::move(taken->record);
      break;
    }
    bytes += more;
    piece.next = taken->record->offset.next();
    piece.records.push_back(std::move(taken->record));
  }
  kept->next = piece.next;
  kept->used_at = steady_clock::now();
  records_ += piece.records.size();
  bytes_ += bytes;
  return piece;
}

tl::expected<KafkaReader::Taken, rd_kafka_resp_err_t> KafkaReader::take(Place& place,
                                                                        MonotonicTime until) {
  if (place.ahead) {
    const Offset reached = place.ahead->offset;
    return Taken{std::exchange(place.ahead, nullptr), reached, false};
  }
  while (true) {
    const KafkaMessage message(
        rd_kafka_consume_queue(place.queue.get(), milliseconds_until(until)));
    if (!message) return Taken{nullptr, Offset(0), true};
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      return Taken{to_record(place.at, *message), Offset(message->offset), false};
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
      return Taken{nullptr, Offset(message->offset), false};
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || is_damage(message->err) ||
        is_refusal(message->err))
      return tl::unexpected(message->err);
    // Anything else passes, or the deadline does.
  }
}

Result<KafkaReader::Piece> KafkaReader::failed(const TopicPartition& at, Offset from,
                                               rd_kafka_resp_err_t error, MonotonicTime deadline) {
  if (is_damage(error))
    return failure(Errc::corrupt, name_place(at, from) + ": a stored record is damaged (" +
                                      rd_kafka_err2str(error) + ")");
  if (error != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
    return failure(Errc::unavailable,
                   name_place(at, from) + " cannot be read: " + rd_kafka_err2str(error));
  const auto now = bounds(at, deadline);
  if (!now) return tl::unexpected(now.error());
  if (from < now->first) return tl::unexpected(beyond_reach(at, from, *now));
  return Piece{{}, from};  // the leader does not know of it yet
}

Result<LogBounds> KafkaReader::bounds(const TopicPartition& at, MonotonicTime deadline,
                                      Leader leader) {
  const auto lowest = first(at, deadline, leader);
  if (!lowest) return tl::unexpected(lowest.error());
  const auto next = end(at, deadline, leader);
  if (!next) return tl::unexpected(next.error());
  return LogBounds{*lowest, *next};
}

Result<Offset> KafkaReader::first(const TopicPartition& at, MonotonicTime deadline, Leader leader) {
  return ask_offset(at, RD_KAFKA_OFFSET_BEGINNING, deadline, leader);
}

Result<Offset> KafkaReader::end(const TopicPartition& at, MonotonicTime deadline, Leader leader) {
  return ask_offset(at, RD_KAFKA_OFFSET_END, deadline, leader);
}

// rd_kafka_query_watermark_offsets() would wait for longer than it is told to.
Result<Offset> KafkaReader::ask_offset(const TopicPartition& at, std::int64_t which,
                                       MonotonicTime deadline, Leader leader) {
  const std::string name = topic_name(options_.kafka, at.topic);
  const KafkaPartitionList places(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* const place =
      rd_kafka_topic_partition_list_add(places.get(), name.c_str(), at.partition.value());
  const MonotonicTime leader_until = steady_clock::now() + kLeaderComesIn;
  while (true) {
    place->offset = which;
    place->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    const MonotonicTime until = std::min(deadline, steady_clock::now() + kLeaderComesIn);
    auto error = rd_kafka_offsets_for_times(client_.get(), places.get(),
                                            std::max(milliseconds_until(until), 1));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = place->err;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR && place->offset >= 0) return Offset(place->offset);
    const bool is_given_up = leader == Leader::is_needed && steady_clock::now() >= leader_until &&
                             has_no_leader(at, deadline);
    if (is_refusal(error) || is_given_up || stopping_ ||
        steady_clock::now() + kAskAgainAfter >= deadline)
      return failure(Errc::unavailable,
                     name + " partition " + std::to_string(at.partition.value()) +
                         ": no broker says how far it reaches: " + rd_kafka_err2str(error));
    std::this_thread::sleep_for(kAskAgainAfter);
  }
}

bool KafkaReader::has_no_leader(const TopicPartition& at, MonotonicTime deadline) {
  const MonotonicTime until = std::min(deadline, steady_clock::now() + kLeaderComesIn);
  const rd_kafka_metadata_t* answered = nullptr;
  if (rd_kafka_metadata(client_.get(), 0, topic(at.topic), &answered,
                        std::max(milliseconds_until(until), 1)) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return false;
  const Metadata metadata(answered);
  if (metadata->topic_cnt != 1) return false;
  const std::span partitions(metadata->topics[0].partitions,
                             static_cast<std::size_t>(metadata->topics[0].partition_cnt));
  return std::ranges::any_of(partitions, [&at](const auto& one) {
    return one.id == at.partition.value() && one.leader < 0;
  });
}

Error beyond_reach(const TopicPartition& at, Offset from, const LogBounds& bounds) {
  return {Errc::not_found, name_place(at, from) + " is not in the log, which holds " +
                               std::to_string(bounds.first.value()) + " to " +
                               std::to_string(bounds.end.value()) + " (exclusive)"};
}

}  // namespace signalbox::event_store
