// The topics of a log on Kafka: made once, and looked at before anybody relies on them. Both block,
// at most about as long as `patience`; any thread. Errors: those of KafkaAdmin; what topics lack is
// no error but a deviation.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/kafka/topic_rules.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/control.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::event_store {

struct TopicsReport {
  std::optional<LogGenesis> log;  // none: no genesis was found
  std::vector<TopicDeviation> deviations;
};

[[nodiscard]] Result<TopicsReport> check_topics(const KafkaOptions& options,
                                                const TopicsWanted& wanted,
                                                std::chrono::milliseconds patience);

// Makes the topics that are missing and writes a log_genesis at the beginning of each partition of
// events that is empty; then as check_topics. Again after it was interrupted, or by two at a time,
// it ends with one log all the same. Error bad_config also: one replica was asked for where there
// are brokers for more.
[[nodiscard]] Result<TopicsReport> create_topics(const KafkaOptions& options,
                                                 const TopicsWanted& wanted, const Clock& clock,
                                                 Random& random,
                                                 std::chrono::milliseconds patience);

}  // namespace signalbox::event_store
