#include "event-store/kafka/kafka_config.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string>

namespace signalbox::event_store {
namespace {

constexpr std::size_t kReasonBytes = 512;

// Each is set by the code that needs it so, or left as it is; another value would lose, double or
// reorder records, answer no append, or give a partition to two owners for longer than the
// protocol's timeouts say.
constexpr std::array<std::string_view, 26> kFixed{"bootstrap.servers",
                                                  "metadata.broker.list",
                                                  "client.id",
                                                  "group.id",
                                                  "group.instance.id",
                                                  "partition.assignment.strategy",
                                                  "group.protocol.type",
                                                  "enable.auto.commit",
                                                  "auto.commit.enable",
                                                  "enable.auto.offset.store",
                                                  "auto.offset.reset",
                                                  "offset.store.method",
                                                  "isolation.level",
                                                  "check.crcs",
                                                  "enable.partition.eof",
                                                  "enable.idempotence",
                                                  "enable.gapless.guarantee",
                                                  "transactional.id",
                                                  "acks",
                                                  "request.required.acks",
                                                  "max.in.flight",
                                                  "max.in.flight.requests.per.connection",
                                                  "message.timeout.ms",
                                                  "delivery.timeout.ms",
                                                  "delivery.report.only.error",
                                                  "session.timeout.ms"};

Error refused(std::string_view name, std::string why) {
  const std::string field = "kafka." + std::string(name);
  return Error{Errc::bad_config, field + ": " + std::move(why), field};
}

Result<void> set(rd_kafka_conf_t* conf, std::string_view name, std::string_view value) {
  std::array<char, kReasonBytes> reason{};
  const auto done = rd_kafka_conf_set(conf, std::string(name).c_str(), std::string(value).c_str(),
                                      reason.data(), reason.size());
  if (done == RD_KAFKA_CONF_OK) return {};
  return tl::unexpected(refused(name, reason.data()));
}

// Severities are those of syslog. What librdkafka thinks of the settings was thought of here.
void log_line(const rd_kafka_t*, int severity, const char* facility, const char* text) {
  if (std::string_view(facility) == "CONFWARN") return;
  const auto level = severity <= 3   ? spdlog::level::err
                     : severity == 4 ? spdlog::level::warn
                     : severity <= 6 ? spdlog::level::info
                                     : spdlog::level::debug;
  spdlog::log(level, "kafka {}: {}", facility, text);
}

}  // namespace

std::string topic_name(const KafkaOptions& options, Topic topic) {
  return options.topic_prefix + "." + std::string(to_text(topic));
}

Result<KafkaConf> make_kafka_conf(const KafkaOptions& options, KafkaSettings settings) {
  KafkaConf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  for (const auto& [name, value] : options.properties) {
    if (auto done = check_kafka_property(name, value); !done) return tl::unexpected(done.error());
    if (auto done = set(conf.get(), name, value); !done) return tl::unexpected(done.error());
  }
  const KafkaSettings common{{"bootstrap.servers", options.brokers},
                             {"client.id", options.client_id},
                             {"socket.nagle.disable", "true"}};
  for (const KafkaSettings& all : {common, settings})
    for (const auto& [name, value] : all)
      if (auto done = set(conf.get(), name, value); !done) return tl::unexpected(done.error());
  return conf;
}

Result<KafkaClient> make_kafka_client(rd_kafka_type_t type, KafkaConf conf) {
  std::array<char, kReasonBytes> reason{};
  KafkaClient client(rd_kafka_new(type, conf.get(), reason.data(), reason.size()));
  if (!client)
    return failure(Errc::bad_config, "no Kafka client can be made: " + std::string(reason.data()));
  static_cast<void>(conf.release());  // the client's now
  return client;
}

Result<void> check_kafka_property(std::string_view name, std::string_view value) {
  if (std::find(kFixed.begin(), kFixed.end(), name) != kFixed.end())
    return tl::unexpected(refused(name, "is fixed: the log's guarantees rest on it"));
  const KafkaConf scratch(rd_kafka_conf_new());
  return set(scratch.get(), name, value);
}

}  // namespace signalbox::event_store
