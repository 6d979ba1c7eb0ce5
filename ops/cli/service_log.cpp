#include "ops/cli/service_log.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "event-store/kafka/kafka_topics.hpp"
#include "event-store/sqlite/private_file.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::seconds kTopicsPatience{15};
// A report later than that: nobody should count on the log (design 4).
constexpr std::chrono::seconds kLateReport{10};

// What would lose data is in the error, the rest is warned of.
Result<void> look_at_topics(const event_store::KafkaOptions& kafka) {
  const auto report = event_store::check_topics(kafka, {}, kTopicsPatience);
  if (!report) return tl::unexpected(report.error());
  std::string fatal;
  for (const event_store::TopicDeviation& deviation : report->deviations) {
    if (deviation.loses_data)
      fatal += "\n  " + to_text(deviation);
    else
      spdlog::warn("{}", to_text(deviation));
  }
  if (fatal.empty()) return {};
  return failure(Errc::bad_config, "these topics would lose data:" + fatal, "kafka.topic_prefix");
}

// Caches of another log are moved aside when they are opened: not those beside an embedded log.
Result<event_store::DataLock> lock_caches(const std::string& data) {
  std::error_code ignored;
  if (std::filesystem::exists(data + "/log.db", ignored))
    return failure(Errc::bad_config,
                   "data: " + data + " holds an embedded log; name another folder with --data",
                   "data");
  if (auto made = event_store::make_private_folders(data); !made)
    return tl::unexpected(made.error());
  return event_store::DataLock::acquire(data);
}

}  // namespace

Result<std::unique_ptr<ServiceLog>> ServiceLog::open(
    const ServeOptions& options, const Clock& clock, Random& random,
    const std::function<void(const Error&)>& ended) {
  std::unique_ptr<ServiceLog> made(new ServiceLog());
  const auto opened = options.kafka.brokers.empty()
                          ? made->open_embedded(options, clock, random, ended)
                          : made->open_kafka(options, clock, random, ended);
  if (!opened) return tl::unexpected(opened.error());
  return made;
}

Result<void> ServiceLog::open_embedded(const ServeOptions& options, const Clock& clock,
                                       Random& random,
                                       const std::function<void(const Error&)>& ended) {
  event_store::SqliteEventLogOptions log_options = options.log;
  log_options.dir = options.data;
  if (options.partitions != 0) log_options.partitions = options.partitions;
  log_options.fatal = ended;
  auto opened = event_store::SqliteEventLog::open(std::move(log_options), clock, random);
  if (!opened) return tl::unexpected(opened.error());
  embedded_ = *std::move(opened);
  log_ = embedded_.get();
  return {};
}

Result<void> ServiceLog::open_kafka(const ServeOptions& options, const Clock& clock, Random& random,
                                    const std::function<void(const Error&)>& ended) {
  if (auto fine = look_at_topics(options.kafka); !fine) return fine;
  if (options.roles.router || options.roles.event_store) {
    auto locked = lock_caches(options.data);
    if (!locked) return tl::unexpected(locked.error());
    lock_.emplace(*std::move(locked));
  }
  auto opened =
      event_store::KafkaEventLog::open({.kafka = options.kafka, .fatal = ended}, clock, random);
  if (!opened) return tl::unexpected(opened.error());
  kafka_ = *std::move(opened);
  log_ = kafka_.get();
  return {};
}

std::vector<std::string> ServiceLog::not_ready() const {
  if (!kafka_) return {};
  const auto waits = kafka_->statistics().oldest_append;
  if (waits < kLateReport) return {};
  return {"log: the brokers have not taken an append for " +
          std::to_string(std::chrono::floor<std::chrono::seconds>(waits).count()) + " s"};
}

std::string instance_name(const ServeOptions& options, const std::string& configured,
                          const std::string& role) {
  if (!configured.empty()) return configured;
  if (options.kafka.brokers.empty()) return role;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return role + ":" + std::to_string(getpid());
  return std::string(host.data()) + ":" + std::to_string(getpid());
}

}  // namespace signalbox::cli
