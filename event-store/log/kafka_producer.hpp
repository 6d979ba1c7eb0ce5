// KafkaProducer: one idempotent producer and the thread ("kafka-append") that serves its reports.
// The client is made when the first append comes, and anew after it broke: a fatal error, or, of
// the kind that must leave no gap, any failed report. What was not answered by then is answered
// log_unavailable, for nobody knows whether it is in the log.
//
// Threads: append() any, never blocks on a broker. Bounds: queue_records_max and queue_bytes_max
// count appends that are not answered yet; full: overloaded. Private to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_ends.hpp"
#include "event-store/log/kafka_log_options.hpp"
#include "event-store/log/post_batch.hpp"

namespace signalbox::event_store {

class KafkaProducer {
 public:
  enum class Kind {
    stated,    // by owners: tried until it is reported, nothing is sent past a failure
    commands,  // not reported in append_timeout is failed
    aside,     // as commands, of what nobody waits for
  };
  // Of the producer that writes to it.
  [[nodiscard]] static Kind kind_of(Topic topic);

  KafkaProducer(Kind kind, const KafkaEventLogOptions& options, KafkaEnds& ends);
  // Waits up to close_timeout for reports; answers the rest with stopped.
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  void append(TopicPartition at, NewRecord record, Executor& where, AppendDone done);
  // Takes no more, so that several may end at once; the destructor waits.
  void stop();
  // Adds what this producer knows.
  void add_to(KafkaEventLogStatistics& sum) const;

 private:
  struct Pending {
    TopicPartition at;
    std::optional<NewRecord> record;  // until the client has it
    std::size_t bytes;
    MonotonicTime since;
    Executor& where;
    AppendDone done;
    std::list<Pending>::iterator self{};
  };
  using PendingList = std::list<Pending>;

  [[nodiscard]] std::optional<Error> admit(std::size_t bytes) const;
  // Gives it to the client; under mutex_.
  [[nodiscard]] rd_kafka_resp_err_t produce(Pending& pending);
  void run();
  [[nodiscard]] bool start_client();
  void learn_partitions();
  void produce_waiting(PostBatch& posts);
  void serve_reports();
  void take_reports(rd_kafka_event_t& event, PostBatch& posts);
  void answer(PendingList answered, const Error& error, PostBatch& posts);
  [[nodiscard]] PendingList take_unanswered();
  void drop_client();

  const Kind kind_;
  const KafkaEventLogOptions& options_;
  KafkaEnds& ends_;
  PostGate gate_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  PendingList unanswered_;       // guarded by mutex_: in call order
  std::size_t records_ = 0;      // guarded by mutex_
  std::size_t bytes_ = 0;        // guarded by mutex_
  bool ready_ = false;           // guarded by mutex_: appends go straight to the client
  bool stopping_ = false;        // guarded by mutex_
  std::optional<Error> broken_;  // guarded by mutex_: the client must be replaced

  // Replaced by the thread alone, under mutex_ while ready_.
  KafkaClient client_;
  KafkaQueue reports_;
  std::vector<KafkaTopic> topics_;  // by number; null: of another kind

  std::atomic<std::uint64_t> appended_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> rebuilt_ = 0;

  std::thread thread_;
};

}  // namespace signalbox::event_store
