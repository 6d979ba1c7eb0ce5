// How topics must be set so that the log keeps what it promises (contract 2; the ownership rules),
// and what a cluster's topics lack of it. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/kafka/kafka_options.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// What an operator asked for; what he left open follows from the cluster and from the genesis.
struct TopicsWanted {
  std::optional<std::int32_t> partitions{};   // 12 of a new log
  std::optional<std::int32_t> replication{};  // 3, or one per broker where there are fewer
  std::optional<std::int32_t> min_insync{};   // 2, or the replication where it is lower
};
inline constexpr std::int32_t kDefaultTopicPartitions = 12;

// What is at the beginning of one partition of events.
struct FoundGenesis {
  std::int64_t first = 0;  // oldest offset there is
  std::int64_t end = 0;
  std::optional<LogId> log_id{};  // none: no genesis can be read at offset 0
  std::int32_t partitions = 0;    // as the genesis says
};

struct FoundTopic {
  std::int32_t partitions = 0;
  std::int32_t replication = 0;  // of the partition with the fewest replicas
  std::map<std::string, std::string> settings{};
};

struct FoundTopics {
  std::int32_t brokers = 0;
  std::map<Topic, FoundTopic> topics{};  // those there are
  std::vector<FoundGenesis> genesis{};   // one per partition of events
};

struct TopicDeviation {
  std::string topic;    // whole name
  std::string setting;  // as the broker names it, or `partitions`, `log_genesis` ...
  std::string found;
  std::string wanted;
  std::string why;         // what it leads to
  std::string remedy;      // a command, or what else to do
  bool loses_data = true;  // records would be lost or read wrongly: no role starts on it
};
// One line that says it all.
[[nodiscard]] std::string to_text(const TopicDeviation& deviation);

[[nodiscard]] std::int32_t replication_of(const TopicsWanted& wanted, std::int32_t brokers);
// One replica of each partition, though the cluster has brokers for more: whoever loses that disk
// loses what was acknowledged. On a single broker there is no choice.
[[nodiscard]] bool loses_with_one_disk(std::int32_t replication, std::int32_t brokers);

// The settings a topic is created with, by the broker's names.
[[nodiscard]] std::map<std::string, std::string> topic_settings(Topic topic,
                                                                std::int32_t min_insync);
[[nodiscard]] std::int32_t min_insync_of(const TopicsWanted& wanted, std::int32_t replication);

// Every deviation, topic by topic. `options` name the cluster and the topics in what is told.
[[nodiscard]] std::vector<TopicDeviation> judge_topics(const FoundTopics& found,
                                                       const KafkaOptions& options,
                                                       const TopicsWanted& wanted);

// The log the topics hold: what most geneses say; nullopt where there is none.
[[nodiscard]] std::optional<FoundGenesis> genesis_of(const FoundTopics& found);

}  // namespace signalbox::event_store
