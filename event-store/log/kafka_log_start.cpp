#include "event-store/log/kafka_log_start.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "event-store/contract/codec.hpp"

namespace signalbox::event_store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A broker that has just started may not know of its topics yet, and one that has just become the
// leader not of what was written.
constexpr milliseconds kAskAgainAfter{100};
constexpr milliseconds kMissingIsFinal{5'000};
// Owners state which log it is at least that often.
constexpr std::size_t kControlWithin = 2'000;

using Metadata = KafkaHandle<const rd_kafka_metadata_t, rd_kafka_metadata_destroy>;

std::string command_that_creates(const KafkaOptions& kafka) {
  return "`signalbox topics create --kafka " + kafka.brokers + " --topic-prefix " +
         kafka.topic_prefix + "`";
}

Error unreachable(const KafkaOptions& kafka, rd_kafka_resp_err_t error) {
  return {Errc::unavailable, "no Kafka broker at " + kafka.brokers + " answers (" +
                                 rd_kafka_err2str(error) +
                                 "): is it running, and does its advertised.listeners name an "
                                 "address that can be reached from here?"};
}

Error refused(const std::string& topic, const KafkaOptions& kafka, rd_kafka_resp_err_t error) {
  if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
    return {Errc::forbidden, "topic " + topic + " on " + kafka.brokers +
                                 ": the brokers do not let this client see it; it needs an ACL"};
  return {Errc::not_found, "topic " + topic + " is missing on " + kafka.brokers + " (" +
                               rd_kafka_err2str(error) + "): run " + command_that_creates(kafka)};
}

// How many partitions the topic has.
Result<std::int32_t> ask_for(KafkaReader& reader, const KafkaOptions& kafka, Topic topic,
                             MonotonicTime deadline) {
  const std::string name = topic_name(kafka, topic);
  const KafkaTopic handle(rd_kafka_topic_new(&reader.client(), name.c_str(), nullptr));
  const MonotonicTime missing_until = std::min(deadline, steady_clock::now() + kMissingIsFinal);
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    const rd_kafka_metadata_t* answered = nullptr;
    const auto error = rd_kafka_metadata(&reader.client(), 0, handle.get(), &answered,
                                         static_cast<int>(std::max<std::int64_t>(left.count(), 1)));
    const Metadata metadata(answered);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (steady_clock::now() >= deadline) return tl::unexpected(unreachable(kafka, error));
    } else {
      const auto& found = metadata->topics[0];
      if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0)
        return found.partition_cnt;
      if (found.err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
          steady_clock::now() >= missing_until)
        return tl::unexpected(refused(name, kafka, found.err));
    }
    std::this_thread::sleep_for(kAskAgainAfter);
  }
}

Result<std::int32_t> common_partitions(KafkaReader& reader, const KafkaOptions& kafka,
                                       MonotonicTime deadline) {
  std::int32_t partitions = 0;
  for (int i = 0; i < kTopicCount; ++i) {
    const auto found = ask_for(reader, kafka, static_cast<Topic>(i), deadline);
    if (!found) return found;
    if (i > 0 && *found != partitions)
      return failure(Errc::bad_config,
                     "topic " + topic_name(kafka, static_cast<Topic>(i)) + " has " +
                         std::to_string(*found) + " partitions, " + topic_name(kafka, Topic(0)) +
                         " has " + std::to_string(partitions) +
                         ": all topics of a log have the same number, for life; run " +
                         command_that_creates(kafka) + " with a prefix of its own");
    partitions = *found;
  }
  return partitions;
}

std::optional<LogId> stated_log(const Record& record) {
  const auto control = decode_control(record);
  if (!control) return std::nullopt;
  if (const auto* genesis = std::get_if<LogGenesis>(&control->data)) return genesis->log_id;
  if (const auto* owned = std::get_if<PartitionOwned>(&control->data)) return owned->log_id;
  if (const auto* made = std::get_if<PartitionCheckpoint>(&control->data)) return made->log_id;
  return std::nullopt;
}

// Whose genesis retention took: by that of another partition, or by what its owners stated since.
Result<LogDescription> describe_cut_log(KafkaReader& reader, std::int32_t partitions,
                                        MonotonicTime deadline) {
  for (std::int32_t number = 0; number < partitions; ++number) {
    const TopicPartition at{Topic::events, Partition(number)};
    const auto bounds = reader.bounds(at, deadline);
    if (!bounds) return tl::unexpected(bounds.error());
    const auto read = reader.read(at, bounds->first, bounds->end, {.records_max = kControlWithin},
                                  KafkaReader::Wait::for_all, deadline);
    if (!read) return tl::unexpected(read.error());
    for (const RecordPtr& record : read->records)
      if (const auto log = stated_log(*record)) return LogDescription{*log, partitions};
  }
  return failure(Errc::corrupt,
                 "retention took the first records of every partition of events, and nothing that "
                 "is left says which log it was");
}

// Of the partition that genesis is in; empty only where it stays so.
Result<LogBounds> bounds_with_genesis(KafkaReader& reader, const TopicPartition& at,
                                      MonotonicTime deadline) {
  const MonotonicTime missing_until = std::min(deadline, steady_clock::now() + kMissingIsFinal);
  while (true) {
    auto bounds = reader.bounds(at, deadline);
    if (!bounds || bounds->end > Offset(0) || steady_clock::now() >= missing_until) return bounds;
    std::this_thread::sleep_for(kAskAgainAfter);
  }
}

}  // namespace

Result<LogDescription> find_kafka_log(KafkaReader& reader, const KafkaEventLogOptions& options) {
  const MonotonicTime deadline = steady_clock::now() + options.open_timeout;
  const auto partitions = common_partitions(reader, options.kafka, deadline);
  if (!partitions) return tl::unexpected(partitions.error());
  const TopicPartition first{Topic::events, Partition(0)};
  const std::string name = topic_name(options.kafka, Topic::events);
  const auto bounds = bounds_with_genesis(reader, first, deadline);
  if (!bounds) return tl::unexpected(bounds.error());
  if (bounds->end == Offset(0))
    return failure(Errc::not_found, "topic " + name + " is empty, its genesis is missing: run " +
                                        command_that_creates(options.kafka));
  if (bounds->first > Offset(0)) return describe_cut_log(reader, *partitions, deadline);
  const auto read =
      reader.read(first, Offset(0), Offset(1), {}, KafkaReader::Wait::for_all, deadline);
  if (!read) return tl::unexpected(read.error());
  if (read->records.empty())
    return failure(Errc::unavailable,
                   "no broker at " + options.kafka.brokers + " gives offset 0 of " + name);
  const auto control = decode_control(*read->records.front());
  const auto* genesis = control ? std::get_if<LogGenesis>(&control->data) : nullptr;
  if (genesis == nullptr)
    return failure(Errc::corrupt, "offset 0 of topic " + name +
                                      " is not the genesis of a log of signalbox: another program "
                                      "writes there; use a topic prefix of its own");
  if (genesis->partitions != *partitions)
    return failure(Errc::bad_config, "the log at " + options.kafka.brokers + " was made with " +
                                         std::to_string(genesis->partitions) +
                                         " partitions, topic " + name + " has " +
                                         std::to_string(*partitions) +
                                         " now: partitions may not be added, users would move");
  return LogDescription{genesis->log_id, *partitions};
}

}  // namespace signalbox::event_store
