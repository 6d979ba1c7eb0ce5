// KafkaEventLog: the log on Kafka, for processes on any number of machines (contract 2). librdkafka
// does the wire; what is here decides what may be promised.
//
// Appends: three idempotent producers, each made when the first append of its kind comes, each with
// a queue of its own. What owners state (events, quarantine) is tried until it is reported; after a
// failed report or a fatal error all that is not answered is answered log_unavailable, a new
// producer takes what comes then, and the owner sends its open list again (ops/decisions/0015).
// Commands (inbound), and apart from them what nobody waits for (progress, snapshots, connections),
// are answered log_unavailable when no report came in append_timeout; they may be in the log
// nevertheless. Answers come in call order per thread and partition; refusals (overloaded,
// too_large) at once.
// Tails: one consumer follows the heads of the partitions that have tails and no others ("kafka-
// tail"); those that are behind it read through a second one ("kafka-read"), as read() does. A
// broker that is away is waited for. Offsets may have holes. read() may give less than the limits
// allow where this process knows of no more: only an empty answer says that there is nothing.
//
// Errors of append: also stopped. Of read() and bounds(): unavailable, where no broker answers in
// read_timeout; they block on it, and no longer than a moment where the partition has no leader or
// the last answer did not come; ask_bounds() and ask_records() wait on threads of
// their own ("kafka-ask", "kafka-look-up").
// Lifetime: outlives its tails and memberships. Destruction waits up to close_timeout for reports,
// then answers what is left with stopped.
#pragma once

#include <memory>
#include <string>

#include "event-store/log/event_log.hpp"
#include "event-store/log/kafka_log_options.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

class KafkaEventLog final : public EventLog {
 public:
  // Blocking, up to open_timeout. Errors: unavailable (no broker answers), not_found (a topic or
  // its genesis is missing), bad_config (topics of different sizes; a property), corrupt.
  [[nodiscard]] static Result<std::unique_ptr<KafkaEventLog>> open(KafkaEventLogOptions options,
                                                                   const Clock& clock,
                                                                   Random& random);
  ~KafkaEventLog() override;

  [[nodiscard]] LogDescription describe() const override;
  void append(TopicPartition at, NewRecord record, Executor& where, AppendDone done) override;
  [[nodiscard]] std::unique_ptr<Tail> tail(TopicPartition at, Offset from, Executor& where,
                                           TailSink& sink) override;
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    ReadLimits limits) override;
  [[nodiscard]] Result<LogBounds> bounds(TopicPartition at) override;
  void ask_bounds(TopicPartition at, Executor& where, BoundsDone done) override;
  void ask_records(TopicPartition at, const std::vector<Offset>& offsets, Executor& where,
                   RecordsDone done) override;
  [[nodiscard]] std::unique_ptr<Membership> join(std::string group, Executor& where,
                                                 MembershipSink& sink) override;

  [[nodiscard]] KafkaEventLogStatistics statistics() const;

 private:
  struct Parts;
  explicit KafkaEventLog(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace signalbox::event_store
