// KafkaReader: reads partitions from anywhere, for read() and for tails that are behind the head.
// One client; each partition that is being read has a position and fetches ahead of it, so that
// reading on where the last read ended costs a look into a queue. At most readers_max partitions
// are open; one that rests is closed, so that nothing is fetched for nobody.
//
// Threads: any; reads of one partition wait for each other. Private to this folder.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "event-store/kafka/kafka_config.hpp"
#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_log_options.hpp"

namespace signalbox::event_store {

class KafkaReader {
 public:
  struct Piece {
    std::vector<RecordPtr> records;
    Offset next;  // everything below is in `records`, was read before or is a hole
  };
  enum class Wait { for_all, for_first };
  // Whether a partition that has no leader is waited for until the deadline, or given up as soon as
  // the brokers have said so for a second.
  enum class Leader { may_come, is_needed };

  // Errors: bad_config.
  [[nodiscard]] static Result<std::unique_ptr<KafkaReader>> open(
      const KafkaEventLogOptions& options);
  ~KafkaReader();
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  // What there is from `from` to below `end`, within the limits. Past the deadline: what came till
  // then, perhaps nothing, as where somebody else was reading the partition all the time. Errors:
  // not_found (retention took `from`), corrupt, unavailable (the brokers refuse).
  [[nodiscard]] Result<Piece> read(const TopicPartition& at, Offset from, Offset end,
                                   ReadLimits limits, Wait wait, MonotonicTime deadline);
  // As the leader has them now. Errors: unavailable, where it does not say so before the deadline.
  [[nodiscard]] Result<LogBounds> bounds(const TopicPartition& at, MonotonicTime deadline,
                                         Leader leader = Leader::may_come);
  [[nodiscard]] Result<Offset> first(const TopicPartition& at, MonotonicTime deadline,
                                     Leader leader);
  [[nodiscard]] Result<Offset> end(const TopicPartition& at, MonotonicTime deadline, Leader leader);
  // From now on whoever asks for an offset is told after a moment that no broker says it.
  void stop_asking() { stopping_ = true; }
  // Closes partitions that nobody has read for a while.
  void close_resting();

  [[nodiscard]] rd_kafka_t& client() { return *client_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t seeks() const { return seeks_; }

 private:
  class Turn;  // to read one partition
  struct Place;
  struct Taken {
    RecordPtr record;  // null: only a position
    Offset reached;    // nothing below it is still to come
    bool nothing;      // came in time
  };
  KafkaReader(const KafkaEventLogOptions& options, KafkaClient client);

  [[nodiscard]] std::shared_ptr<Place> place(const TopicPartition& at);
  [[nodiscard]] rd_kafka_topic_t* topic(Topic which) const;
  [[nodiscard]] Result<Offset> ask_offset(const TopicPartition& at, std::int64_t which,
                                          MonotonicTime deadline, Leader leader);
  // By the word of a broker that answers.
  [[nodiscard]] bool has_no_leader(const TopicPartition& at, MonotonicTime deadline);
  // Called by whoever has the place's turn.
  void close(Place& place);
  [[nodiscard]] Result<void> seek(Place& place, Offset to);
  void make_room();
  [[nodiscard]] tl::expected<Taken, rd_kafka_resp_err_t> take(Place& place, MonotonicTime until);
  [[nodiscard]] Result<Piece> failed(const TopicPartition& at, Offset from,
                                     rd_kafka_resp_err_t error, MonotonicTime deadline);

  const KafkaEventLogOptions& options_;
  KafkaClient client_;
  std::vector<KafkaTopic> topics_;
  std::mutex mutex_;
  std::map<TopicPartition, std::shared_ptr<Place>> places_;  // guarded by mutex_
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> records_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> seeks_ = 0;
};

// What somebody gets who asks for an offset that retention took, or that is beyond the end.
[[nodiscard]] Error beyond_reach(const TopicPartition& at, Offset from, const LogBounds& bounds);

}  // namespace signalbox::event_store
