#include "ops/cli/run_topics.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "event-store/kafka/kafka_topics.hpp"
#include "ops/cli/config_sources.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/kafka_settings.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"
#include "ops/cli/usage_error.hpp"
#include "ops/cli/watch_options.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::seconds kPatience{30};

// Of one verb.
struct TopicsArguments {
  event_store::KafkaOptions kafka;
  event_store::TopicsWanted wanted;
  Config config;
  ConfigSources sources;
  CLI::App* app = nullptr;

  TopicsArguments() {
    add_kafka(config, kafka);
    config.leave_to_others(keys_of_service);
    config.leave_to_others(keys_of_watch);
  }
};

int tell(const event_store::KafkaOptions& kafka, const event_store::TopicsReport& report) {
  if (report.log)
    std::printf("log %s, %d partitions, topics %s.*\n",
                report.log->log_id.value().to_string().c_str(), report.log->partitions,
                kafka.topic_prefix.c_str());
  for (const event_store::TopicDeviation& deviation : report.deviations)
    std::printf("%s\n", to_text(deviation).c_str());
  if (report.deviations.empty()) std::printf("topics are as they should be\n");
  return report.deviations.empty() ? kExitOk : kExitFaultFound;
}

int run_topics(TopicsArguments& arguments, bool create) {
  if (auto done = arguments.sources.read(arguments.config); !done)
    return refuse("topics", done.error());
  if (arguments.sources.print_config()) {
    std::fputs(arguments.config.print().c_str(), stdout);
    return kExitOk;
  }
  if (arguments.kafka.brokers.empty())
    return refuse("topics",
                  {Errc::bad_config, "name the cluster with --kafka HOST:PORT", "kafka.brokers"});
  Random random(system_random());
  const auto report =
      create ? create_topics(arguments.kafka, arguments.wanted, SystemClock(), random, kPatience)
             : check_topics(arguments.kafka, arguments.wanted, kPatience);
  if (!report) return refuse("topics", report.error());
  return tell(arguments.kafka, *report);
}

std::shared_ptr<TopicsArguments> add_topics_verb(CLI::App& topics, const std::string& name,
                                                 const std::string& about) {
  auto arguments = std::make_shared<TopicsArguments>();
  arguments->app = topics.add_subcommand(name, about);
  arguments->sources.add_to(*arguments->app, arguments->config);
  event_store::TopicsWanted& wanted = arguments->wanted;
  arguments->app
      ->add_option("--partitions", wanted.partitions, "of every topic, fixed for life (default 12)")
      ->check(CLI::Range(1, 1 << 20));
  arguments->app
      ->add_option("--replication", wanted.replication,
                   "brokers that hold each partition (default 3, or as many as there are)")
      ->check(CLI::Range(1, 100));
  arguments->app
      ->add_option("--min-insync", wanted.min_insync,
                   "brokers that must hold a record before it is acknowledged (default 2, or the "
                   "replication)")
      ->check(CLI::Range(1, 100));
  return arguments;
}

}  // namespace

Subcommand add_topics(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("topics", "Makes the topics of a log on Kafka, or checks them.");
  app->require_subcommand(1);
  const auto create =
      add_topics_verb(*app, "create", "Makes the topics that are missing, then checks them all.");
  create->app->footer(
      "Examples:\n"
      "  signalbox topics create --kafka 127.0.0.1:9092\n"
      "  signalbox topics create --kafka k1:9092,k2:9092 --topic-prefix box --partitions 240");
  const auto check = add_topics_verb(
      *app, "check", "Tells every setting that is not as it should be, and what mends it.");
  check->app->footer(
      "Examples:\n"
      "  signalbox topics check --kafka 127.0.0.1:9092\n"
      "  signalbox topics check --kafka 127.0.0.1:9092 --replication 3 --config box.toml");
  app->footer(
      "Both end with 3 where something is not as it should be.\n\n"
      "Examples:\n"
      "  signalbox topics create --kafka 127.0.0.1:9092\n"
      "  signalbox topics create --kafka k1:9092,k2:9092 --topic-prefix box --partitions 240\n"
      "  signalbox topics check --kafka 127.0.0.1:9092 --config box.toml");
  return {app, [create, check] {
            return create->app->parsed() ? run_topics(*create, true) : run_topics(*check, false);
          }};
}

}  // namespace signalbox::cli
