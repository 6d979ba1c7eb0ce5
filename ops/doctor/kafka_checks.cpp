#include "ops/doctor/kafka_checks.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <variant>

#include "event-store/contract/codec.hpp"
#include "event-store/kafka/kafka_topics.hpp"
#include "event-store/log/event_log_history.hpp"

namespace signalbox::doctor {
namespace {

using event_store::HistoryLog;
using event_store::KafkaOptions;

constexpr std::chrono::seconds kTopicsPatience{10};
// An owner writes a checkpoint every 1,000 records or 30 s of activity; its claim it writes once.
constexpr std::int64_t kControlWithin = 2'000;
constexpr std::int64_t kLagMany = 5'000;  // where gateways begin to refuse
constexpr std::size_t kPartitionsNamed = 5;
constexpr const char* kWhyUnknown =
    "inbound's bounds or how far it is answered cannot be read, so nobody knows what waits";

std::string flags_of(const KafkaOptions& kafka) {
  return " --kafka " + shell_word(kafka.brokers) + " --topic-prefix " +
         shell_word(kafka.topic_prefix);
}

std::string property_of(const KafkaOptions& kafka, const std::string& name) {
  const auto found = kafka.properties.find(name);
  return found == kafka.properties.end() ? std::string() : found->second;
}

bool are_on_loopback(std::string_view brokers) {
  while (!brokers.empty()) {
    const std::string_view one = brokers.substr(0, brokers.find(','));
    if (!one.starts_with("127.") && !one.starts_with("localhost:") && !one.starts_with("[::1]"))
      return false;
    brokers.remove_prefix(std::min(brokers.size(), one.size() + 1));
  }
  return true;
}

// `0-2, 5`
std::string ranges_text(const std::vector<Partition>& partitions) {
  std::string text;
  for (std::size_t i = 0; i < partitions.size();) {
    std::size_t last = i;
    while (last + 1 < partitions.size() &&
           partitions[last + 1].value() == partitions[last].value() + 1)
      ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(partitions[i].value());
    if (last > i) text += "-" + std::to_string(partitions[last].value());
    i = last + 1;
  }
  return text;
}

Finding judge_unreachable(const KafkaOptions& kafka, const Error& error) {
  const std::string broker = kafka.brokers.substr(0, kafka.brokers.find(','));
  const std::size_t colon = broker.rfind(':');
  return fault("kafka-brokers", error.message,
               "without a broker no message is acknowledged and no role starts",
               "nc -vz " + shell_word(broker.substr(0, colon)) + ' ' +
                   shell_word(colon == std::string::npos ? "" : broker.substr(colon + 1)));
}

std::vector<Finding> judge_report(const event_store::TopicsReport& report,
                                  const KafkaOptions& kafka) {
  std::vector<Finding> findings;
  for (const event_store::TopicDeviation& deviation : report.deviations) {
    const std::string what = deviation.topic + ": " + deviation.setting + " is " + deviation.found +
                             ", and should be " + deviation.wanted;
    findings.push_back(deviation.loses_data
                           ? fault("kafka-topics", what, deviation.why, deviation.remedy)
                           : warning("kafka-topics", what, deviation.why, deviation.remedy));
  }
  if (findings.empty())
    findings.push_back(ok("kafka-topics", "topics " + kafka.topic_prefix +
                                              ".* are as they should be (`signalbox topics "
                                              "check` has the rules)"));
  return findings;
}

// The first record of an epoch says whose it is: what else claims that epoch did not get it.
void take_owner(Epoch epoch, std::string router, PartitionOwner& owner) {
  if (epoch <= owner.epoch) return;
  owner.epoch = epoch;
  owner.router = std::move(router);
  owner.is_released = false;
}

// The router that wrote a record: the end of its `/signalbox/LOG/router/NAME`.
std::string router_of(const std::string& source) { return source.substr(source.rfind('/') + 1); }

// What a record says of who owns its partition, and how far inbound is answered.
void take_record(const Record& record, PartitionOwner& owner, Offset& inbound_next) {
  if (const auto cause = event_store::header_number(record, "ce_inboundoffset"))
    inbound_next = std::max(inbound_next, Offset(*cause + 1));
  if (record.key) return;
  const auto control = event_store::decode_control(record);
  if (!control) return;
  if (const auto* owned = std::get_if<PartitionOwned>(&control->data)) {
    inbound_next = std::max(inbound_next, owned->inbound_next);
    take_owner(owned->epoch, owned->router_id, owner);
  } else if (const auto* made = std::get_if<PartitionCheckpoint>(&control->data)) {
    inbound_next = std::max(inbound_next, made->inbound_next);
    take_owner(made->epoch, router_of(control->source), owner);
  } else if (const auto* released = std::get_if<PartitionReleased>(&control->data)) {
    if (released->epoch < owner.epoch) return;
    owner.epoch = released->epoch;
    owner.is_released = true;
  }
}

Finding judge_lag(const std::vector<PartitionOwner>& owners, const KafkaOptions& kafka) {
  std::vector<const PartitionOwner*> behind;
  std::int64_t waiting = 0;
  std::int64_t unknown = 0;
  for (const PartitionOwner& owner : owners) {
    if (!owner.lag) ++unknown;
    waiting += owner.lag.value_or(0);
    if (owner.lag.value_or(0) > 0) behind.push_back(&owner);
  }
  std::ranges::sort(behind, {}, [](const PartitionOwner* owner) { return -*owner->lag; });
  const auto all = static_cast<std::int64_t>(owners.size());
  if (unknown == all && all > 0)
    return warning("kafka-lag", "it is not known of any partition how many commands wait",
                   kWhyUnknown, "signalbox topics check" + flags_of(kafka));
  std::string text = count_text(waiting, "command waits", "commands wait") + " in inbound";
  for (std::size_t i = 0; i < std::min(behind.size(), kPartitionsNamed); ++i)
    text += (i == 0 ? ": partition " : ", partition ") +
            std::to_string(behind[i]->partition.value()) + " is " +
            std::to_string(*behind[i]->lag) + " behind";
  if (unknown > 0)
    text += "; of " + count_text(unknown, "partition", "partitions") + " it is not known";
  const bool is_many = !behind.empty() && *behind.front()->lag >= kLagMany;
  if (unknown > 0 && !is_many)
    return warning("kafka-lag", text, kWhyUnknown, "signalbox topics check" + flags_of(kafka));
  if (!is_many) return ok("kafka-lag", text);
  return warning("kafka-lag", text,
                 "gateways refuse messages of a partition (`overloaded`) while its router is that "
                 "far behind",
                 "signalbox router" + flags_of(kafka) + " --data FOLDER_OF_ITS_OWN");
}

// The newest command's time is the brokers' clock.
std::optional<Timestamp> newest_command(HistoryLog& log) {
  std::optional<Timestamp> newest;
  for (std::int32_t p = 0; p < log.describe().partitions; ++p) {
    const TopicPartition at{Topic::inbound, Partition(p)};
    const auto bounds = log.bounds(at);
    if (!bounds || bounds->end == bounds->first) continue;
    const auto last = log.read(at, Offset(bounds->end.value() - 1), {.records_max = 1});
    if (last && !last->empty())
      newest = std::max(newest, std::optional(last->front()->appended_at));
  }
  return newest;
}

void look_into_log(const KafkaOptions& kafka, const Clock& clock, KafkaExamination& result) {
  Random random(static_cast<std::uint64_t>(clock.now().time_since_epoch().count()));
  const auto log = event_store::open_kafka_history(kafka, clock, random);
  if (!log) {
    result.findings.push_back(fault("kafka-log", log.error().message, "no role starts on it",
                                    "signalbox topics create" + flags_of(kafka)));
    return;
  }
  std::vector<PartitionOwner> owners;
  for (std::int32_t p = 0; p < (*log)->describe().partitions; ++p) {
    auto owner = read_owner(**log, Partition(p));
    if (!owner) {
      result.findings.push_back(fault("kafka-log", owner.error().message,
                                      "its users are not served",
                                      "signalbox topics check" + flags_of(kafka)));
      return;
    }
    owners.push_back(*std::move(owner));
  }
  for (Finding& finding : judge_owners(owners, kafka))
    result.findings.push_back(std::move(finding));
  result.newest = newest_command(**log);
}

}  // namespace

Finding check_kafka_security(const KafkaOptions& kafka) {
  for (const char* const name :
       {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}) {
    const std::string path = property_of(kafka, name);
    std::error_code ignored;
    if (!path.empty() && !std::filesystem::exists(path, ignored))
      return fault("kafka-security", std::string("kafka.") + name + ": there is no " + path,
                   "no connection to a broker can be made", "ls -l " + shell_word(path));
  }
  std::string protocol = property_of(kafka, "security.protocol");
  std::ranges::transform(protocol, protocol.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_encrypted = protocol == "ssl" || protocol == "sasl_ssl";
  const bool has_name = protocol.starts_with("sasl_");
  if (!property_of(kafka, "sasl.username").empty() && !has_name)
    return warning("kafka-security",
                   "kafka.sasl.username is set, and kafka.security.protocol does not use it",
                   "the brokers do not learn who this is, and give it no right",
                   "signalbox serve" + flags_of(kafka) + " --print-config | grep '^kafka'");
  if (property_of(kafka, "enable.ssl.certificate.verification") == "false")
    return warning("kafka-security", "the brokers' certificates are not checked",
                   "who stands between can read and change every message",
                   "signalbox serve" + flags_of(kafka) + " --print-config | grep '^kafka'");
  if (!is_encrypted && !are_on_loopback(kafka.brokers))
    return warning("kafka-security", "messages go to " + kafka.brokers + " in the clear",
                   "who sees the network reads every message",
                   "signalbox serve" + flags_of(kafka) + " --print-config | grep '^kafka'");
  if (!is_encrypted) return ok("kafka-security", "in the clear, on this machine only");
  return ok("kafka-security", "TLS" + (has_name ? ", " + property_of(kafka, "sasl.mechanism") +
                                                      " as " + property_of(kafka, "sasl.username")
                                                : std::string()));
}

Result<PartitionOwner> read_owner(HistoryLog& log, Partition partition) {
  const TopicPartition events{Topic::events, partition};
  PartitionOwner owner{.partition = partition};
  const auto bounds = log.bounds(events);
  if (!bounds) return tl::unexpected(bounds.error());
  Offset inbound_next(-1);
  Offset next(std::max(bounds->first.value(), bounds->end.value() - kControlWithin));
  while (next < bounds->end) {
    const auto records = log.read(events, next, {});
    if (!records) return tl::unexpected(records.error());
    if (records->empty()) break;
    for (const RecordPtr& record : *records) take_record(*record, owner, inbound_next);
    next = records->back()->offset.next();
  }
  const auto inbound = log.bounds({Topic::inbound, partition});
  const bool is_known = inbound && (inbound_next >= Offset(0) || owner.router.empty());
  if (is_known)
    owner.lag = std::max<std::int64_t>(
        0, inbound->end.value() - std::max(inbound_next, inbound->first).value());
  return owner;
}

std::vector<Finding> judge_owners(const std::vector<PartitionOwner>& owners,
                                  const KafkaOptions& kafka) {
  std::map<std::string, std::vector<Partition>> by_router;
  std::vector<Partition> free;
  for (const PartitionOwner& owner : owners)
    (owner.is_released || owner.router.empty() ? free : by_router[owner.router])
        .push_back(owner.partition);
  std::string text;
  for (const auto& [router, partitions] : by_router)
    text += (text.empty() ? "" : "; ") + router + " has " + ranges_text(partitions);
  std::vector<Finding> findings;
  if (free.empty())
    findings.push_back(ok("kafka-owners", "each partition is claimed: " + text));
  else
    findings.push_back(
        warning("kafka-owners",
                "nobody has partition " + ranges_text(free) + (text.empty() ? "" : "; " + text),
                "messages of their users are acknowledged and wait",
                "signalbox router" + flags_of(kafka) + " --data FOLDER_OF_ITS_OWN"));
  findings.push_back(judge_lag(owners, kafka));
  return findings;
}

KafkaExamination check_kafka(const Subject& subject, const Clock& clock) {
  const KafkaOptions& kafka = *subject.kafka;
  KafkaExamination result;
  result.findings.push_back(check_kafka_security(kafka));
  const auto report = event_store::check_topics(kafka, {}, kTopicsPatience);
  if (!report) {
    result.findings.push_back(is_retryable(report.error().code)
                                  ? judge_unreachable(kafka, report.error())
                                  : fault("kafka-brokers", report.error().message, "no role starts",
                                          "signalbox topics check" + flags_of(kafka)));
    return result;
  }
  result.findings.push_back(ok("kafka-brokers", kafka.brokers + " answers"));
  for (Finding& finding : judge_report(*report, kafka))
    result.findings.push_back(std::move(finding));
  look_into_log(kafka, clock, result);
  return result;
}

}  // namespace signalbox::doctor
