// KafkaTails: who reads the log on Kafka and how far. One consumer follows the heads of those
// partitions that have tails ("kafka-tail"): what it gets is handed to all tails of a partition and
// kept until each of them has it. A tail that is further behind reads through KafkaReader (threads
// "kafka-read") until it meets what is kept. What the head's consumer jumps over is never taken for
// a hole on its word: it is read again.
//
// Threads: any; callbacks run on the executor of their tail, at most one in flight per tail.
// Bound: recent_bytes_max over all partitions (whose partition has most loses its oldest, and its
// tails lag). Private to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_ends.hpp"
#include "event-store/log/kafka_log_options.hpp"
#include "event-store/log/kafka_reader.hpp"
#include "event-store/log/post_batch.hpp"

namespace signalbox::event_store {

class KafkaTails {
 public:
  // Errors: bad_config.
  [[nodiscard]] static Result<std::unique_ptr<KafkaTails>> open(const KafkaEventLogOptions& options,
                                                                KafkaReader& reader,
                                                                KafkaEnds& ends);
  ~KafkaTails();
  KafkaTails(const KafkaTails&) = delete;
  KafkaTails& operator=(const KafkaTails&) = delete;

  [[nodiscard]] std::unique_ptr<Tail> tail(const TopicPartition& at, Offset from, Executor& where,
                                           TailSink& sink);
  void add_to(KafkaEventLogStatistics& sum) const;

 private:
  class Handle;
  struct Place;
  struct Subscription {
    Subscription(Place& read_place, Executor& executor, TailSink& tail_sink, Offset from)
        : place(read_place), where(executor), sink(tail_sink), next(from) {}
    Place& place;
    Executor& where;
    TailSink& sink;
    std::atomic<bool> closed = false;
    // Guarded by mutex_.
    Offset next;
    bool busy = false;     // a callback is in flight or the log is being read for it
    bool at_head = false;  // on_caught_up() was called for the present end
    bool ended = false;
    MonotonicTime not_before{};         // when to read for it again
    std::chrono::milliseconds rest{0};  // before that, since its partition gives nothing
    MonotonicTime beyond_since{};       // it is ahead of what the brokers say there is
  };
  using SubscriptionPtr = std::shared_ptr<Subscription>;
  enum class Follow { off, on, stopping };
  struct Place {
    TopicPartition at;
    Follow follow = Follow::off;
    bool known = false;  // the end is, since it is followed
    bool asked = false;  // for the end, since it is followed
    Offset end{0};
    std::deque<RecordPtr> recent{};  // without a gap up to end
    std::size_t recent_bytes = 0;
    std::vector<SubscriptionPtr> readers{};
  };
  struct Event {  // of the head's consumer
    TopicPartition at;
    RecordPtr record;  // null: only a position
    Offset end;        // of what was fetched
    bool lost;         // the place is to be followed anew
  };

  KafkaTails(const KafkaEventLogOptions& options, KafkaReader& reader, KafkaEnds& ends,
             KafkaClient client);

  // The head's thread.
  void follow_until_stopped();
  [[nodiscard]] std::vector<Event> fetch();
  void add_event(const rd_kafka_message_t& message, std::vector<Event>& events);
  [[nodiscard]] Topic topic_of(const rd_kafka_message_t& message);
  void publish(std::vector<Event> events);
  void stop_following();

  // Under mutex_.
  void start(Place& place);
  void raise(Place& place, const Event& event);
  void forget(Place& place);
  void trim(Place& place);
  void keep_bound();
  void pump(const SubscriptionPtr& reader, PostBatch& posts);
  void ask_for_end(const SubscriptionPtr& reader);
  void read_for(const SubscriptionPtr& reader);
  // The same, later each time until its partition gives something.
  void rest(const SubscriptionPtr& reader);
  void deliver(const SubscriptionPtr& reader, std::vector<RecordPtr> batch, PostBatch& posts);
  void fail(const SubscriptionPtr& reader, Error error, PostBatch& posts);
  [[nodiscard]] std::vector<RecordPtr> collect_recent(const Place& from, Offset next) const;

  // On the subscription's executor, after its callback.
  void finish(const SubscriptionPtr& reader);
  void release(const SubscriptionPtr& reader);

  // The readers' threads.
  void read_until_stopped();
  [[nodiscard]] SubscriptionPtr next_lagging(std::unique_lock<std::mutex>& lock);
  void serve(const SubscriptionPtr& reader);
  void take_piece(const SubscriptionPtr& reader, Result<KafkaReader::Piece> piece,
                  PostBatch& posts);
  void judge_beyond(const SubscriptionPtr& reader, Offset asked, const Result<LogBounds>& bounds,
                    PostBatch& posts);
  void note_end(Place& place, const Result<LogBounds>& bounds, PostBatch& posts);

  const KafkaEventLogOptions& options_;
  KafkaReader& reader_;
  KafkaEnds& ends_;
  PostGate gate_;
  KafkaClient client_;
  KafkaQueue queue_;
  std::vector<KafkaTopic> topics_;
  std::vector<std::pair<const rd_kafka_topic_t*, Topic>> seen_topics_;  // the head's thread

  mutable std::mutex mutex_;
  std::map<TopicPartition, Place> places_;  // guarded by mutex_; never erased
  std::size_t recent_bytes_ = 0;            // guarded by mutex_
  std::deque<SubscriptionPtr> lagging_;     // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::condition_variable lag_;

  std::atomic<std::uint64_t> fetched_records_ = 0;
  std::atomic<std::uint64_t> fetched_bytes_ = 0;
  std::atomic<std::uint64_t> reads_in_vain_ = 0;

  std::vector<std::thread> threads_;
};

}  // namespace signalbox::event_store
