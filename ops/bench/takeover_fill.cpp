// takeover_fill: one message of each of so many users into inbound, as fast as the log on Kafka
// takes them, for takeover_bench.
#include <CLI/CLI.hpp>
#include <condition_variable>
#include <exception>
#include <iostream>
#include <mutex>
#include <random>
#include <stdexcept>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/kafka_event_log.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::bench {
namespace {

constexpr int kInFlightMax = 4000;

struct Plan {
  event_store::KafkaOptions kafka;
  int first = 0;
  int users = 1000;
  std::string message = "m-1";
};

void fill(const Plan& plan) {
  const cli::SystemClock clock;
  Random random(std::random_device{}());
  cli::RoleThread thread("fill");
  const auto log = event_store::KafkaEventLog::open({.kafka = plan.kafka}, clock, random);
  if (!log) throw std::runtime_error(log.error().message);
  std::mutex mutex;
  std::condition_variable changed;
  int answered = 0;  // guarded by mutex
  bool failed = false;
  const auto wait_for = [&](int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answered >= count; });
  };
  for (int i = 0; i < plan.users; ++i) {
    wait_for(i - kInFlightMax);
    const UserId user("user-" + std::to_string(plan.first + i));
    const Partition partition = event_store::partition_of(user, (*log)->describe().partitions);
    (*log)->append(
        {Topic::inbound, partition},
        event_store::encode_command({.id = random.uuid().to_string(),
                                     .source = "/signalbox/bench",
                                     .time = clock.now(),
                                     .user_id = user,
                                     .websocket_client_id = WebsocketClientId("ws_bench"),
                                     .traceparent = std::nullopt,
                                     .data = UserMessage{MessageId(plan.message), ThreadId("t"),
                                                         "hello", "assistant"}}),
        thread, [&](const Result<Offset>& done) {
          const std::lock_guard lock(mutex);
          failed = failed || !done;
          ++answered;
          changed.notify_all();
        });
  }
  wait_for(plan.users);
  if (failed) throw std::runtime_error("the log did not take every message");
}

}  // namespace
}  // namespace signalbox::bench

int main(int argc, char** argv) {
  CLI::App app("Messages of many users into a log on Kafka");
  signalbox::bench::Plan plan;
  app.add_option("--kafka", plan.kafka.brokers, "HOST:PORT[,...] of the brokers")->required();
  app.add_option("--topic-prefix", plan.kafka.topic_prefix, "of the log")->required();
  app.add_option("--first", plan.first, "number of the first user");
  app.add_option("--users", plan.users, "so many, one message each");
  app.add_option("--message", plan.message, "its id");
  CLI11_PARSE(app, argc, argv);
  try {
    signalbox::bench::fill(plan);
  } catch (const std::exception& error) {
    std::cerr << "takeover_fill: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
