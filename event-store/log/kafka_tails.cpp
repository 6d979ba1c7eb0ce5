#include "event-store/log/kafka_tails.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "event-store/log/kafka_closing.hpp"
#include "event-store/log/kafka_record.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPollFor{100};
constexpr std::size_t kEventsPerTurn = 1000;
constexpr milliseconds kReadFor{100};  // one tail, before another one's turn comes
// When a partition gives nothing: others are read for first, and it holds nobody up.
constexpr milliseconds kRestMin{50};
constexpr milliseconds kRestMax{2'000};
constexpr milliseconds kHouseEvery{500};
// A broker that has just become the leader may know of less than it has.
constexpr milliseconds kBeyondIsFinal{5'000};
constexpr int kReadThreads = 2;

}  // namespace

class KafkaTails::Handle final : public Tail {
 public:
  Handle(KafkaTails& tails, SubscriptionPtr reader) : tails_(tails), reader_(std::move(reader)) {}
  ~Handle() override {
    reader_->closed = true;
    tails_.release(reader_);
    tails_.gate_.wait_for_those_inside();
  }

 private:
  KafkaTails& tails_;
  SubscriptionPtr reader_;
};

Result<std::unique_ptr<KafkaTails>> KafkaTails::open(const KafkaEventLogOptions& options,
                                                     KafkaReader& reader, KafkaEnds& ends) {
  const std::string ahead =
      std::to_string(std::max<std::size_t>(options.fetch_ahead_bytes >> 10, 1));
  const KafkaOptions kafka = with_defaults(
      options.kafka, {{"queued.max.messages.kbytes", ahead},
                      {"queued.min.messages", "10000000"},
                      {"fetch.wait.max.ms", std::to_string(options.fetch_wait.count())},
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
  return std::unique_ptr<KafkaTails>(new KafkaTails(options, reader, ends, std::move(*client)));
}

KafkaTails::KafkaTails(const KafkaEventLogOptions& options, KafkaReader& reader, KafkaEnds& ends,
                       KafkaClient client)
    : options_(options),
      reader_(reader),
      ends_(ends),
      client_(std::move(client)),
      queue_(rd_kafka_queue_new(client_.get())) {
  for (int topic = 0; topic < kTopicCount; ++topic)
    topics_.emplace_back(rd_kafka_topic_new(
        client_.get(), topic_name(options.kafka, static_cast<Topic>(topic)).c_str(), nullptr));
  threads_.emplace_back([this] { follow_until_stopped(); });
  for (int i = 0; i < kReadThreads; ++i) threads_.emplace_back([this] { read_until_stopped(); });
}

KafkaTails::~KafkaTails() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  lag_.notify_all();
  rd_kafka_queue_yield(queue_.get());
  for (std::thread& thread : threads_) thread.join();
  for (const auto& [at, place] : places_)
    if (place.follow != Follow::off)
      rd_kafka_consume_stop(topics_[static_cast<std::size_t>(at.topic)].get(),
                            at.partition.value());
  topics_.clear();
  queue_ = nullptr;
  close_client(std::move(client_), "the log's tails");
}

std::unique_ptr<Tail> KafkaTails::tail(const TopicPartition& at, Offset from, Executor& where,
                                       TailSink& sink) {
  PostBatch posts(gate_);
  std::unique_ptr<Tail> made;
  {
    const std::lock_guard lock(mutex_);
    Place& place = places_.try_emplace(at, Place{.at = at}).first->second;
    const auto reader = std::make_shared<Subscription>(place, where, sink, from);
    made = std::make_unique<Handle>(*this, reader);
    place.readers.push_back(reader);
    if (place.follow == Follow::off) start(place);
    pump(reader, posts);
  }
  posts.flush();
  return made;
}

void KafkaTails::add_to(KafkaEventLogStatistics& sum) const {
  sum.records_fetched += fetched_records_;
  sum.bytes_fetched += fetched_bytes_;
  sum.reads_in_vain += reads_in_vain_;
  const std::lock_guard lock(mutex_);
  sum.partitions_followed += static_cast<std::size_t>(std::ranges::count_if(
      places_, [](const auto& place) { return place.second.follow == Follow::on; }));
}

// ---- the head

void KafkaTails::start(Place& place) {
  place.follow = Follow::on;
  place.asked = false;
  // Fails only for a partition that cannot be; the client waits for everything else.
  rd_kafka_consume_start_queue(topics_[static_cast<std::size_t>(place.at.topic)].get(),
                               place.at.partition.value(), RD_KAFKA_OFFSET_END, queue_.get());
}

void KafkaTails::follow_until_stopped() {
  pthread_setname_np(pthread_self(), "kafka-tail");
  while (true) {
    publish(fetch());
    stop_following();
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
  }
}

std::vector<KafkaTails::Event> KafkaTails::fetch() {
  std::vector<Event> events;
  for (std::size_t i = 0; i < kEventsPerTurn; ++i) {
    const int wait = i == 0 ? static_cast<int>(kPollFor.count()) : 0;
    const KafkaMessage message(rd_kafka_consume_queue(queue_.get(), wait));
    if (!message) break;
    add_event(*message, events);
  }
  return events;
}

void KafkaTails::add_event(const rd_kafka_message_t& message, std::vector<Event>& events) {
  if (message.rkt == nullptr) return;  // about brokers, who come back
  const TopicPartition at{topic_of(message), Partition(message.partition)};
  switch (message.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: {
      RecordPtr record = to_record(at, message);
      ++fetched_records_;
      fetched_bytes_ += size_bytes(*record);
      events.push_back({at, std::move(record), Offset(message.offset).next(), false});
      return;
    }
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      events.push_back({at, nullptr, Offset(message.offset), false});
      return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
      // What that means for a tail is found out by reading it.
      events.push_back({at, nullptr, Offset(0), true});
      return;
    default: return;  // passes: leaders move, brokers come back
  }
}

Topic KafkaTails::topic_of(const rd_kafka_message_t& message) {
  for (const auto& [handle, topic] : seen_topics_)
    if (handle == message.rkt) return topic;
  const std::string name = rd_kafka_topic_name(message.rkt);
  int found = 0;
  while (topic_name(options_.kafka, static_cast<Topic>(found)) != name) ++found;
  return seen_topics_.emplace_back(message.rkt, static_cast<Topic>(found)).second;
}

void KafkaTails::publish(std::vector<Event> events) {
  if (events.empty()) return;
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    std::vector<Place*> touched;
    for (const Event& event : events) {
      Place& place = places_.find(event.at)->second;
      if (place.follow != Follow::on) continue;
      raise(place, event);
      if (std::ranges::find(touched, &place) == touched.end()) touched.push_back(&place);
    }
    for (Place* const place : touched) {
      for (const SubscriptionPtr& reader : place->readers) pump(reader, posts);
      trim(*place);
    }
    keep_bound();
  }
  posts.flush();
}

void KafkaTails::raise(Place& place, const Event& event) {
  if (event.lost) {
    forget(place);
    place.known = false;
    place.follow = Follow::stopping;  // and started anew while it has readers
    return;
  }
  const Offset begin = event.record ? event.record->offset : event.end;
  if (place.known && event.end <= place.end) return;
  if (!place.known || begin > place.end) forget(place);
  place.known = true;
  place.end = event.end;
  ends_.raise(place.at, event.end);
  if (!event.record) return;
  place.recent.push_back(event.record);
  place.recent_bytes += size_bytes(*event.record);
  recent_bytes_ += size_bytes(*event.record);
}

void KafkaTails::stop_following() {
  std::vector<Place*> left;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [at, place] : places_) {
      if (place.follow == Follow::off || (place.follow == Follow::on && !place.readers.empty()))
        continue;
      place.follow = Follow::stopping;
      place.known = false;
      forget(place);
      left.push_back(&place);
    }
  }
  for (Place* const place : left) {
    rd_kafka_consume_stop(topics_[static_cast<std::size_t>(place->at.topic)].get(),
                          place->at.partition.value());
    const std::lock_guard lock(mutex_);
    place->follow = Follow::off;
    if (!place->readers.empty()) start(*place);
  }
}

// ---- what is kept

void KafkaTails::forget(Place& place) {
  recent_bytes_ -= std::exchange(place.recent_bytes, 0);
  place.recent.clear();
}

// What every tail has got, or is being given.
void KafkaTails::trim(Place& place) {
  Offset needed = place.end;
  for (const SubscriptionPtr& reader : place.readers)
    if (!reader->ended) needed = std::min(needed, reader->next);
  while (!place.recent.empty() && place.recent.front()->offset < needed) {
    const std::size_t bytes = size_bytes(*place.recent.front());
    place.recent_bytes -= bytes;
    recent_bytes_ -= bytes;
    place.recent.pop_front();
  }
}

void KafkaTails::keep_bound() {
  while (recent_bytes_ > options_.recent_bytes_max)
    forget(std::ranges::max_element(places_, {}, [](const auto& place) {
             return place.second.recent_bytes;
           })->second);
}

std::vector<RecordPtr> KafkaTails::collect_recent(const Place& from, Offset next) const {
  std::vector<RecordPtr> batch;
  std::size_t bytes = 0;
  for (auto i = static_cast<std::size_t>(next - from.recent.front()->offset);
       i < from.recent.size(); ++i) {
    bytes += size_bytes(*from.recent[i]);
    if (!batch.empty() &&
        (batch.size() >= options_.batch.records_max || bytes > options_.batch.bytes_max))
      break;
    batch.push_back(from.recent[i]);
  }
  return batch;
}

// ---- one tail

void KafkaTails::pump(const SubscriptionPtr& reader, PostBatch& posts) {
  const Place& place = reader->place;
  if (reader->busy || reader->ended || reader->closed) return;
  if (!place.known) return ask_for_end(reader);
  if (reader->next == place.end) {
    reader->beyond_since = {};
    reader->rest = {};
    if (reader->at_head) return;
    reader->busy = true;
    posts.add(reader->where, [this, reader] {
      if (!reader->closed) finish(reader);
    });
    return;
  }
  reader->at_head = false;
  if (!place.recent.empty() && reader->next >= place.recent.front()->offset &&
      reader->next < place.end)
    deliver(reader, collect_recent(place, reader->next), posts);
  else
    read_for(reader);
}

// The head's consumer knows it after an answer held back for others, one about its begin and one
// held back for itself: three times fetch_wait. Asked once; then it is waited for.
void KafkaTails::ask_for_end(const SubscriptionPtr& reader) {
  if (!std::exchange(reader->place.asked, true)) read_for(reader);
}

void KafkaTails::read_for(const SubscriptionPtr& reader) {
  reader->busy = true;
  reader->not_before = steady_clock::now() + reader->rest;
  lagging_.push_back(reader);
  lag_.notify_one();
}

void KafkaTails::rest(const SubscriptionPtr& reader) {
  reader->rest = std::clamp(2 * reader->rest, kRestMin, kRestMax);
  ++reads_in_vain_;
  read_for(reader);
}

void KafkaTails::deliver(const SubscriptionPtr& reader, std::vector<RecordPtr> batch,
                         PostBatch& posts) {
  reader->busy = true;
  reader->next = batch.back()->offset.next();
  posts.add(reader->where, [this, reader, batch = std::move(batch)] {
    if (reader->closed) return;
    reader->sink.on_records(batch);
    if (!reader->closed) finish(reader);
  });
}

void KafkaTails::fail(const SubscriptionPtr& reader, Error error, PostBatch& posts) {
  reader->ended = true;
  posts.add(reader->where, [reader, error = std::move(error)] {
    if (!reader->closed) reader->sink.on_failed(error);
  });
}

void KafkaTails::finish(const SubscriptionPtr& reader) {
  std::optional<Offset> caught_up;
  {
    const std::lock_guard lock(mutex_);
    if (reader->place.known && reader->next == reader->place.end && !reader->at_head) {
      reader->at_head = true;
      caught_up = reader->place.end;
    }
  }
  if (caught_up) {
    reader->sink.on_caught_up(*caught_up);
    if (reader->closed) return;
  }
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    reader->busy = false;
    pump(reader, posts);
    trim(reader->place);
  }
  posts.flush();
}

void KafkaTails::release(const SubscriptionPtr& reader) {
  const std::lock_guard lock(mutex_);
  std::erase(reader->place.readers, reader);
  std::erase(lagging_, reader);
  trim(reader->place);
}

// ---- behind the head

void KafkaTails::read_until_stopped() {
  pthread_setname_np(pthread_self(), "kafka-read");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const SubscriptionPtr reader = next_lagging(lock);
    if (stopping_) return;
    lock.unlock();
    if (reader) serve(reader);
    reader_.close_resting();
    lock.lock();
  }
}

// Null after a while without one.
KafkaTails::SubscriptionPtr KafkaTails::next_lagging(std::unique_lock<std::mutex>& lock) {
  MonotonicTime until = steady_clock::now() + kHouseEvery;
  while (!stopping_) {
    const MonotonicTime now = steady_clock::now();
    // Of those that are due, rather one whose partition gives something, but nobody for ever.
    const auto due = std::ranges::min_element(lagging_, {}, [now](const auto& reader) {
      return std::pair(reader->not_before > now, reader->not_before + reader->rest);
    });
    if (due != lagging_.end() && (*due)->not_before <= now) {
      SubscriptionPtr reader = std::move(*due);
      lagging_.erase(due);
      return reader;
    }
    if (now >= until) return nullptr;
    for (const SubscriptionPtr& reader : lagging_) until = std::min(until, reader->not_before);
    lag_.wait_until(lock, until);
  }
  return nullptr;
}

void KafkaTails::serve(const SubscriptionPtr& reader) {
  Offset from{0};
  Offset end{0};
  {
    const std::lock_guard lock(mutex_);
    const Place& place = reader->place;
    from = reader->next;
    end = place.end;
    if (!place.recent.empty() && from < place.recent.front()->offset)
      end = place.recent.front()->offset;
    if (!place.known) end = from;
  }
  const TopicPartition at = reader->place.at;
  const MonotonicTime deadline = steady_clock::now() + kReadFor;
  if (from >= end) {
    const auto bounds = reader_.bounds(at, deadline);
    PostBatch posts(gate_);
    {
      const std::lock_guard lock(mutex_);
      if (!reader->closed) judge_beyond(reader, from, bounds, posts);
    }
    return posts.flush();
  }
  auto piece = reader_.read(at, from, end, options_.batch, KafkaReader::Wait::for_first, deadline);
  PostBatch posts(gate_);
  {
    const std::lock_guard lock(mutex_);
    // A tail that ended meanwhile may have taken its executor with it.
    if (!reader->closed) take_piece(reader, std::move(piece), posts);
  }
  posts.flush();
}

void KafkaTails::take_piece(const SubscriptionPtr& reader, Result<KafkaReader::Piece> piece,
                            PostBatch& posts) {
  if (!piece) {
    if (piece.error().code == Errc::unavailable) return rest(reader);
    return fail(reader, std::move(piece.error()), posts);
  }
  if (piece->records.empty() && piece->next == reader->next) return rest(reader);
  reader->rest = {};
  reader->next = piece->next;
  if (!piece->records.empty()) {
    deliver(reader, std::move(piece->records), posts);
    reader->next = piece->next;  // perhaps beyond a hole
    return;
  }
  reader->busy = false;
  pump(reader, posts);
}

void KafkaTails::judge_beyond(const SubscriptionPtr& reader, Offset asked,
                              const Result<LogBounds>& bounds, PostBatch& posts) {
  if (!reader->place.known) {
    reader->busy = false;
    return note_end(reader->place, bounds, posts);
  }
  const MonotonicTime now = steady_clock::now();
  if (bounds && asked > bounds->end) {
    if (reader->beyond_since == MonotonicTime{}) reader->beyond_since = now;
    if (now - reader->beyond_since >= kBeyondIsFinal)
      return fail(reader, beyond_reach(reader->place.at, asked, *bounds), posts);
  }
  if (reader->place.known && asked > reader->place.end) return rest(reader);
  reader->busy = false;
  pump(reader, posts);
}

void KafkaTails::note_end(Place& place, const Result<LogBounds>& bounds, PostBatch& posts) {
  if (!bounds || place.follow != Follow::on) return;
  raise(place, {place.at, nullptr, bounds->end, false});
  for (const SubscriptionPtr& each : place.readers) pump(each, posts);
}

}  // namespace signalbox::event_store
