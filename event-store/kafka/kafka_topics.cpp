#include "event-store/kafka/kafka_topics.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/kafka/kafka_admin.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::string_view kPartitioner = "murmur2-java";

std::vector<Topic> all_topics() {
  std::vector<Topic> all;
  for (int number = 0; number < kTopicCount; ++number) all.push_back(static_cast<Topic>(number));
  return all;
}

std::optional<LogGenesis> genesis_in(const Record& record) {
  if (record.offset != Offset(0)) return std::nullopt;
  const auto control = decode_control(record);
  if (!control) return std::nullopt;
  const auto* const genesis = std::get_if<LogGenesis>(&control->data);
  return genesis == nullptr ? std::nullopt : std::optional(*genesis);
}

Result<std::vector<FoundGenesis>> look_at_genesis(KafkaAdmin& admin, const std::string& events,
                                                  std::int32_t partitions) {
  std::vector<FoundGenesis> found(static_cast<std::size_t>(partitions));
  std::vector<Partition> readable;
  for (std::int32_t p = 0; p < partitions; ++p) {
    const auto bounds = admin.bounds(events, Partition(p));
    if (!bounds) return tl::unexpected(bounds.error());
    FoundGenesis& one = found[static_cast<std::size_t>(p)];
    one.first = bounds->first;
    one.end = bounds->end;
    if (one.first == 0 && one.end > 0) readable.emplace_back(p);
  }
  if (readable.empty()) return found;
  const auto records = admin.first_records(events, readable);
  if (!records) return tl::unexpected(records.error());
  for (const Record& record : *records)
    if (const auto genesis = genesis_in(record)) {
      FoundGenesis& one = found[static_cast<std::size_t>(record.at.partition.value())];
      one.log_id = genesis->log_id;
      one.partitions = genesis->partitions;
    }
  return found;
}

Result<FoundTopics> look(KafkaAdmin& admin, const KafkaOptions& options) {
  FoundTopics found{.brokers = admin.brokers()};
  std::vector<std::string> names;
  for (const Topic topic : all_topics()) {
    const std::string name = topic_name(options, topic);
    const auto shape = admin.shape(name);
    if (!shape) return tl::unexpected(shape.error());
    if (!*shape) continue;
    found.topics[topic] = {(*shape)->partitions, (*shape)->replication};
    names.push_back(name);
  }
  auto settings = admin.settings(names);
  if (!settings) return tl::unexpected(settings.error());
  for (auto& [topic, one] : found.topics)
    one.settings = std::move((*settings)[topic_name(options, topic)]);
  const auto events = found.topics.find(Topic::events);
  if (events == found.topics.end()) return found;
  auto genesis =
      look_at_genesis(admin, topic_name(options, Topic::events), events->second.partitions);
  if (!genesis) return tl::unexpected(genesis.error());
  found.genesis = *std::move(genesis);
  return found;
}

TopicsReport report_of(const FoundTopics& found, const KafkaOptions& options,
                       const TopicsWanted& wanted) {
  TopicsReport report{.log = std::nullopt, .deviations = judge_topics(found, options, wanted)};
  if (const auto genesis = genesis_of(found))
    report.log = LogGenesis{*genesis->log_id, genesis->partitions, std::string(kPartitioner)};
  return report;
}

Result<TopicsReport> look_and_judge(KafkaAdmin& admin, const KafkaOptions& options,
                                    const TopicsWanted& wanted) {
  const auto found = look(admin, options);
  if (!found) return tl::unexpected(found.error());
  return report_of(*found, options, wanted);
}

Result<void> create_missing(KafkaAdmin& admin, const KafkaOptions& options,
                            const TopicsWanted& wanted, const FoundTopics& found) {
  // Beside topics that are there, as many as they have: of those not one more would fit.
  std::int32_t partitions = wanted.partitions.value_or(kDefaultTopicPartitions);
  if (const auto genesis = genesis_of(found))
    partitions = genesis->partitions;
  else if (!found.topics.empty())
    partitions = found.topics.begin()->second.partitions;
  const std::int32_t replication = replication_of(wanted, admin.brokers());
  if (loses_with_one_disk(replication, admin.brokers()))
    return failure(Errc::bad_config,
                   "--replication " + std::to_string(replication) + " on a cluster of " +
                       std::to_string(admin.brokers()) +
                       " brokers: a lost disk takes the partition along, and no role starts on it; "
                       "leave it out, or ask for more",
                   "replication");
  std::vector<KafkaAdmin::NewTopic> missing;
  for (const Topic topic : all_topics())
    if (!found.topics.contains(topic))
      missing.push_back({topic_name(options, topic), partitions, replication,
                         topic_settings(topic, min_insync_of(wanted, replication))});
  return admin.create(missing);
}

class GenesisWriter {
 public:
  GenesisWriter(KafkaAdmin& admin, std::string events, const Clock& clock, Random& random)
      : admin_(admin), events_(std::move(events)), clock_(clock), random_(random) {}

  Result<void> run(const FoundTopics& found) {
    const auto known = genesis_of(found);
    const auto partitions = static_cast<std::int32_t>(found.genesis.size());
    LogGenesis genesis =
        known ? LogGenesis{*known->log_id, known->partitions, std::string(kPartitioner)}
              : LogGenesis{LogId(random_.uuid()), partitions, std::string(kPartitioner)};
    // The first partition decides: of two that make the same log at a time, one is first there, and
    // both go on with what it wrote.
    if (found.genesis.front().end == 0 && !known) {
      auto first = write(genesis, {Partition(0)});
      if (!first) return first;
      const auto records = admin_.first_records(events_, {Partition(0)});
      if (!records) return tl::unexpected(records.error());
      if (const auto read = genesis_in(records->front())) genesis = *read;
    }
    std::vector<Partition> empty;
    for (std::int32_t p = known ? 0 : 1; p < partitions; ++p)
      if (found.genesis[static_cast<std::size_t>(p)].end == 0) empty.emplace_back(p);
    return write(genesis, empty);
  }

 private:
  Result<void> write(const LogGenesis& genesis, const std::vector<Partition>& partitions) {
    if (partitions.empty()) return {};
    const std::string source =
        "/signalbox/" + genesis.log_id.value().to_string() + "/event-store/topics";
    std::vector<std::pair<Partition, NewRecord>> records;
    for (const Partition partition : partitions)
      records.emplace_back(
          partition, encode_control({random_.uuid().to_string(), source, clock_.now(), genesis}));
    return admin_.append(events_, records);
  }

  KafkaAdmin& admin_;
  std::string events_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace

Result<TopicsReport> check_topics(const KafkaOptions& options, const TopicsWanted& wanted,
                                  std::chrono::milliseconds patience) {
  auto admin = KafkaAdmin::connect(options, patience);
  if (!admin) return tl::unexpected(admin.error());
  return look_and_judge(**admin, options, wanted);
}

Result<TopicsReport> create_topics(const KafkaOptions& options, const TopicsWanted& wanted,
                                   const Clock& clock, Random& random,
                                   std::chrono::milliseconds patience) {
  auto admin = KafkaAdmin::connect(options, patience);
  if (!admin) return tl::unexpected(admin.error());
  const auto before = look(**admin, options);
  if (!before) return tl::unexpected(before.error());
  if (auto done = create_missing(**admin, options, wanted, *before); !done)
    return tl::unexpected(done.error());
  const auto made = look(**admin, options);
  if (!made) return tl::unexpected(made.error());
  // A genesis beside topics that do not fit together would make their faults a log's for ever.
  TopicsReport report = report_of(*made, options, wanted);
  const bool fits = std::ranges::none_of(report.deviations, [](const TopicDeviation& deviation) {
    return deviation.setting == "partitions";
  });
  if (!fits) return report;
  auto written =
      GenesisWriter(**admin, topic_name(options, Topic::events), clock, random).run(*made);
  if (!written) return tl::unexpected(written.error());
  return look_and_judge(**admin, options, wanted);
}

}  // namespace signalbox::event_store
