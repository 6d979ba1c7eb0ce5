#include "event-store/kafka/topic_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kMinInsync = "min.insync.replicas";
constexpr std::string_view kUnlimited = "-1";
constexpr std::int32_t kLeastReplication = 2;  // where there is more than one broker

enum class Must : std::uint8_t {
  equal,
  at_least,
  last,  // equal; what is shorter loses records, what is longer only keeps them
};

struct TopicRule {
  std::string_view setting;
  std::string_view wanted;
  Must must;
  bool loses_data;
  std::string_view why;
};

// Of every topic. A record may have 4 MiB (a router's open users, a quarantined command); the batch
// around it needs room too.
constexpr std::array kCommonRules{
    TopicRule{"max.message.bytes", "5242880", Must::at_least, true,
              "the broker refuses records that the service may write, and no later one of the "
              "partition is taken before them"},
    TopicRule{"unclean.leader.election.enable", "false", Must::equal, true,
              "a replica that lacks acknowledged records may become leader"},
    TopicRule{kMinInsync, "", Must::at_least, true,
              "what is acknowledged may be on too few brokers"},
};
constexpr std::string_view kCompacted = "compaction deletes all but a user's newest record";
constexpr std::string_view kBySize = "records go by size, whether anybody has read them or not";
constexpr std::string_view kByTime = "records are kept for another time than the contract says";
constexpr std::string_view kByClient =
    "the clock of whoever wrote a record decides when it is deleted";

constexpr std::array kInbound{
    TopicRule{"cleanup.policy", "delete", Must::equal, true, kCompacted},
    TopicRule{"retention.ms", "2592000000", Must::last, true, kByTime},
    TopicRule{"retention.bytes", kUnlimited, Must::equal, true, kBySize},
    TopicRule{"message.timestamp.type", "LogAppendTime", Must::equal, true, kByClient},
};
constexpr std::array kEvents{
    TopicRule{"cleanup.policy", "delete", Must::equal, true, kCompacted},
    TopicRule{"retention.ms", kUnlimited, Must::last, true, "events are kept for ever"},
    TopicRule{"retention.bytes", kUnlimited, Must::equal, true, kBySize},
    TopicRule{"message.timestamp.type", "LogAppendTime", Must::equal, false,
              "a record does not say when the log took it"},
};
constexpr std::array kProgress{
    TopicRule{"cleanup.policy", "delete", Must::equal, false, kCompacted},
    TopicRule{"retention.ms", "86400000", Must::last, false, kByTime},
    TopicRule{"message.timestamp.type", "LogAppendTime", Must::equal, false, kByClient},
};
// Of connections and quarantine.
constexpr std::array kNinetyDays{
    TopicRule{"cleanup.policy", "delete", Must::equal, true, kCompacted},
    TopicRule{"retention.ms", "7776000000", Must::last, true, kByTime},
    TopicRule{"retention.bytes", kUnlimited, Must::equal, true, kBySize},
    TopicRule{"message.timestamp.type", "LogAppendTime", Must::equal, true, kByClient},
};
constexpr std::array kSnapshots{
    TopicRule{"cleanup.policy", "compact", Must::equal, false,
              "states are deleted, or those nobody needs are kept"},
    TopicRule{"min.compaction.lag.ms", "86400000", Must::at_least, false,
              "an older state that landed late may replace the newer one at once"},
    TopicRule{"message.timestamp.type", "LogAppendTime", Must::equal, false, kByClient},
};

std::span<const TopicRule> rules_of(Topic topic) {
  switch (topic) {
    case Topic::inbound: return kInbound;
    case Topic::events: return kEvents;
    case Topic::progress: return kProgress;
    case Topic::connections:
    case Topic::quarantine: return kNinetyDays;
    case Topic::snapshots: return kSnapshots;
  }
  SIGNALBOX_ASSERT(false && "a Topic outside its enum");
  return {};
}

// Of what these hold nobody has another copy.
bool is_truth(Topic topic) { return topic != Topic::progress && topic != Topic::snapshots; }

// -1 is more than any number; nullopt: not a number.
std::optional<std::int64_t> amount(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number < 0 ? std::numeric_limits<std::int64_t>::max() : number;
}

bool is_less(std::string_view found, std::string_view wanted) {
  const auto had = amount(found);
  return !had || *had < *amount(wanted);
}

class Judge {
 public:
  Judge(const FoundTopics& found, const KafkaOptions& options, const TopicsWanted& wanted)
      : found_(found), options_(options), wanted_(wanted), genesis_(genesis_of(found)) {}

  std::vector<TopicDeviation> run() {
    for (int number = 0; number < kTopicCount; ++number) {
      const auto topic = static_cast<Topic>(number);
      const auto at = found_.topics.find(topic);
      if (at == found_.topics.end()) {
        add({topic_name(options_, topic), "topic", "none", "one", "there is no such topic",
             create_command()});
        continue;
      }
      judge_shape(topic, at->second);
      judge_settings(topic, at->second);
    }
    if (found_.topics.contains(Topic::events)) judge_genesis();
    return std::move(deviations_);
  }

 private:
  void add(TopicDeviation deviation) { deviations_.push_back(std::move(deviation)); }

  [[nodiscard]] std::string create_command() const {
    return "signalbox topics create --kafka " + options_.brokers + " --topic-prefix " +
           options_.topic_prefix;
  }
  [[nodiscard]] std::string tool(std::string_view name, std::string_view rest) const {
    return std::string(name) + " --bootstrap-server " + options_.brokers + " " + std::string(rest);
  }

  // All topics must have as many as the genesis says, or, where there is none, as was asked for.
  [[nodiscard]] std::int32_t partitions_wanted() const {
    if (genesis_) return genesis_->partitions;
    if (wanted_.partitions) return *wanted_.partitions;
    std::int32_t most = 0;
    for (const auto& [topic, found] : found_.topics) most = std::max(most, found.partitions);
    return most;
  }

  void judge_shape(Topic topic, const FoundTopic& found) {
    const std::string name = topic_name(options_, topic);
    const std::int32_t partitions = partitions_wanted();
    if (found.partitions != partitions)
      add({name, "partitions", std::to_string(found.partitions), std::to_string(partitions),
           "a user's records would lie in different partitions of different topics",
           found.partitions < partitions
               ? tool("kafka-topics.sh",
                      "--alter --topic " + name + " --partitions " + std::to_string(partitions))
               : "none: partitions cannot be taken away; create the topics under another prefix"});
    const bool loses = loses_with_one_disk(found.replication, found_.brokers);
    const std::int32_t replication =
        std::max(replication_of(wanted_, found_.brokers), loses ? kLeastReplication : 0);
    if (found.replication < replication)
      add({name, "replication factor", std::to_string(found.replication),
           std::to_string(replication), "a lost disk takes the partition along",
           tool("kafka-reassign-partitions.sh", "--execute --reassignment-json-file FILE, with " +
                                                    std::to_string(replication) +
                                                    " replicas for every partition of " + name),
           loses && is_truth(topic)});
  }

  void judge_settings(Topic topic, const FoundTopic& found) {
    for (const TopicRule& rule : kCommonRules) {
      if (rule.setting != kMinInsync) {
        judge(topic, found, rule, rule.wanted);
        continue;
      }
      const auto least = min_insync_of(wanted_, replication_of(wanted_, found_.brokers));
      judge(topic, found, rule, std::to_string(std::min(least, std::max(1, found.replication))));
    }
    for (const TopicRule& rule : rules_of(topic)) judge(topic, found, rule, rule.wanted);
  }

  void judge(Topic topic, const FoundTopic& found, const TopicRule& rule, std::string_view wanted) {
    const auto at = found.settings.find(std::string(rule.setting));
    const std::string value = at == found.settings.end() ? "unknown" : at->second;
    const bool is_short = rule.must != Must::equal && is_less(value, wanted);
    if (rule.must == Must::at_least ? !is_short : value == wanted) return;
    const std::string name = topic_name(options_, topic);
    add({name, std::string(rule.setting), value, std::string(wanted), std::string(rule.why),
         tool("kafka-configs.sh", "--alter --entity-type topics --entity-name " + name +
                                      " --add-config " + std::string(rule.setting) + "=" +
                                      std::string(wanted)),
         rule.loses_data && is_truth(topic) && (rule.must != Must::last || is_short)});
  }

  void judge_genesis() {
    const std::string name = topic_name(options_, Topic::events);
    const bool is_empty =
        std::ranges::all_of(found_.genesis, [](const FoundGenesis& one) { return one.end == 0; });
    if (is_empty)
      return add({name, "log_genesis", "none", "one in every partition",
                  "the log was not made completely", create_command()});
    for (std::size_t p = 0; p < found_.genesis.size(); ++p) {
      const FoundGenesis& one = found_.genesis[p];
      const std::string place = "log_genesis of partition " + std::to_string(p);
      const std::string wanted = genesis_ ? "log " + genesis_->log_id->value().to_string() +
                                                " of " + std::to_string(genesis_->partitions) +
                                                " partitions at offset 0"
                                          : "at offset 0";
      if (one.first > 0)
        add({name, "first offset of partition " + std::to_string(p), std::to_string(one.first), "0",
             "the events before it are gone",
             "none: they cannot be brought back; retention.ms and retention.bytes must be -1",
             false});
      else if (!one.log_id && one.end == 0)
        add({name, place, "none", wanted, "the log was not made completely", create_command()});
      else if (!one.log_id)
        add({name, place, "another record", wanted, "it is no log of this service",
             "create the topics under another prefix"});
      else if (one.log_id != genesis_->log_id || one.partitions != genesis_->partitions)
        add({name, place,
             "log " + one.log_id->value().to_string() + " of " + std::to_string(one.partitions) +
                 " partitions",
             wanted, "the topic holds parts of two logs",
             "create the topics under another prefix"});
    }
    if (wanted_.partitions && genesis_ && *wanted_.partitions != genesis_->partitions)
      add({name, "partitions", std::to_string(genesis_->partitions),
           std::to_string(*wanted_.partitions), "the number is fixed for the life of a log",
           "leave out --partitions, or create the topics under another prefix", false});
  }

  const FoundTopics& found_;
  const KafkaOptions& options_;
  const TopicsWanted& wanted_;
  std::optional<FoundGenesis> genesis_;
  std::vector<TopicDeviation> deviations_;
};

}  // namespace

std::string to_text(const TopicDeviation& deviation) {
  return deviation.topic + ": " + deviation.setting + " is " + deviation.found + ", must be " +
         deviation.wanted + ": " + deviation.why + (deviation.loses_data ? " (loses data)" : "") +
         "; mend: " + deviation.remedy;
}

std::int32_t replication_of(const TopicsWanted& wanted, std::int32_t brokers) {
  return wanted.replication.value_or(std::clamp(brokers, 1, 3));
}

std::int32_t min_insync_of(const TopicsWanted& wanted, std::int32_t replication) {
  return wanted.min_insync.value_or(std::min(2, replication));
}

bool loses_with_one_disk(std::int32_t replication, std::int32_t brokers) {
  return replication < kLeastReplication && brokers > 1;
}

std::map<std::string, std::string> topic_settings(Topic topic, std::int32_t min_insync) {
  std::map<std::string, std::string> settings;
  for (const TopicRule& rule : kCommonRules) settings.emplace(rule.setting, rule.wanted);
  settings[std::string(kMinInsync)] = std::to_string(min_insync);
  for (const TopicRule& rule : rules_of(topic)) settings.emplace(rule.setting, rule.wanted);
  return settings;
}

std::vector<TopicDeviation> judge_topics(const FoundTopics& found, const KafkaOptions& options,
                                         const TopicsWanted& wanted) {
  return Judge(found, options, wanted).run();
}

std::optional<FoundGenesis> genesis_of(const FoundTopics& found) {
  std::optional<FoundGenesis> best;
  std::ptrdiff_t most = 0;
  for (const FoundGenesis& one : found.genesis) {
    if (!one.log_id) continue;
    const auto same = std::ranges::count_if(found.genesis, [&](const FoundGenesis& other) {
      return other.log_id == one.log_id && other.partitions == one.partitions;
    });
    if (same <= most) continue;
    most = same;
    best = one;
  }
  return best;
}

}  // namespace signalbox::event_store
