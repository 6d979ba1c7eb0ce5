// kafka_bench: what the log on Kafka costs over librdkafka alone, through the same broker in one
// run: the way of a message through inbound and events, and reported appends a second. Log and
// floor take turns; medians of rounds count. The topics (--topic-prefix) are made where they are
// missing; what is written there is no log that anybody can serve.
#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iomanip>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "event-store/kafka/kafka_topics.hpp"
#include "event-store/log/kafka_event_log.hpp"
#include "ops/bench/conditions.hpp"
#include "ops/bench/event_source.hpp"
#include "ops/bench/kafka_floor.hpp"
#include "ops/bench/percentile.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::bench {
namespace {

using event_store::EventLog;
using event_store::KafkaEventLog;
using event_store::KafkaOptions;
using event_store::TailSink;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kValueBytes = 300;
constexpr int kInFlightMax = 4000;
constexpr int kRecordsMade = 10'000;
constexpr TopicPartition kInbound{Topic::inbound, Partition(0)};
constexpr TopicPartition kEvents{Topic::events, Partition(0)};

struct Plan {
  KafkaOptions kafka;
  int messages = 2'000;
  int appends = 200'000;
  int rounds = 3;
  std::chrono::milliseconds pause{0};  // before each message
};

[[noreturn]] void give_up(const Error& error) {
  std::cerr << "kafka_bench: " << error.message << std::endl;
  std::exit(1);
}

std::unique_ptr<KafkaEventLog> open_log(const KafkaOptions& kafka, const Clock& clock) {
  Random random(1);
  event_store::KafkaEventLogOptions options;
  options.kafka = kafka;
  auto log = KafkaEventLog::open(options, clock, random);
  if (!log) give_up(log.error());
  return std::move(*log);
}

class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    ++opened_;
    changed_.notify_all();
  }
  void wait_for(int times) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return opened_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int opened_ = 0;
};

// What it is told goes on where it says; opens the gate when the tail is at the head.
class Hop final : public TailSink {
 public:
  Hop(Gate& ready, std::function<void()> next) : ready_(ready), next_(std::move(next)) {}
  void on_records(std::span<const RecordPtr> records) override {
    if (!caught_up_) return;
    for (std::size_t i = 0; i < records.size(); ++i) next_();
  }
  void on_caught_up(Offset) override {
    if (!std::exchange(caught_up_, true)) ready_.open();
  }
  void on_failed(const Error& error) override { give_up(error); }

 private:
  Gate& ready_;
  std::function<void()> next_;
  bool caught_up_ = false;
};

Offset end_of(EventLog& log, const TopicPartition& at) {
  const auto bounds = log.bounds(at);
  if (!bounds) give_up(bounds.error());
  return bounds->end;
}

// Two threads, gateway and router, as in the service: each message goes out when the last came
// back.
std::vector<double> two_hops(const Plan& plan, const Clock& clock) {
  cli::RoleThread gateway("gateway");
  cli::RoleThread router("router");
  const auto log = open_log(plan.kafka, clock);
  const NewRecord record{"anna", {}, std::string(kValueBytes, 'x')};
  const auto append = [&](const TopicPartition& at, Executor& where) {
    log->append(at, record, where, [](const Result<Offset>& done) {
      if (!done) give_up(done.error());
    });
  };
  Gate ready;
  Gate back;
  Hop to_router(ready, [&] { append(kEvents, router); });
  Hop to_gateway(ready, [&] { back.open(); });
  std::unique_ptr<event_store::Tail> commands;
  std::unique_ptr<event_store::Tail> events;
  router.run([&] { commands = log->tail(kInbound, end_of(*log, kInbound), router, to_router); });
  gateway.run([&] { events = log->tail(kEvents, end_of(*log, kEvents), gateway, to_gateway); });
  ready.wait_for(2);
  std::vector<double> milliseconds;
  for (int i = 0; i < plan.messages; ++i) {
    std::this_thread::sleep_for(plan.pause);
    const auto start = SteadyClock::now();
    append(kInbound, gateway);
    back.wait_for(i + 1);
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count());
  }
  router.run([&] { commands.reset(); });
  gateway.run([&] { events.reset(); });
  return milliseconds;
}

using Records = std::vector<std::pair<Partition, NewRecord>>;

double appends_per_second(const Plan& plan, const Clock& clock, const Records& records) {
  cli::RoleThread router("router");
  const auto log = open_log(plan.kafka, clock);
  Gate reported;
  const auto start = SteadyClock::now();
  for (int i = 0; i < plan.appends; ++i) {
    reported.wait_for(i - kInFlightMax);
    const auto& [partition, record] = records[static_cast<std::size_t>(i) % records.size()];
    log->append({Topic::events, partition}, record, router, [&](const Result<Offset>& done) {
      if (!done) give_up(done.error());
      reported.open();
    });
  }
  reported.wait_for(plan.appends);
  return plan.appends / std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void print_hops(const char* name, const std::vector<std::vector<double>>& rounds) {
  std::cout << std::left << std::setw(10) << name << std::fixed << std::setprecision(2);
  for (const double percent : {50.0, 99.0}) {
    std::vector<double> each;
    for (const auto& round : rounds) each.push_back(percentile(round, percent));
    std::cout << " p" << static_cast<int>(percent) << " " << percentile(each, 50) << " ms";
  }
  std::cout << "\n";
}

void measure(const Plan& plan) {
  const cli::SystemClock clock;
  Random random(std::random_device{}());
  const auto topics =
      event_store::create_topics(plan.kafka, {}, clock, random, std::chrono::milliseconds(30'000));
  if (!topics) give_up(topics.error());
  const auto log_id = topics->log->log_id;
  EventSource source(log_id, clock, topics->log->partitions, kValueBytes);
  Records records;
  for (int i = 0; i < kRecordsMade; ++i) {
    auto made = source.next();
    records.emplace_back(made.partition, std::move(made.record));
  }
  const FloorTopics floor{plan.kafka.brokers, topic_name(plan.kafka, Topic::inbound),
                          topic_name(plan.kafka, Topic::events)};
  std::vector<std::vector<double>> log_hops, floor_hops;
  std::vector<double> log_appends, floor_appends;
  for (int round = 0; round < plan.rounds; ++round) {
    floor_hops.push_back(floor_of_two_hops(floor, plan.messages, kValueBytes, plan.pause));
    log_hops.push_back(two_hops(plan, clock));
    if (plan.appends == 0) continue;
    floor_appends.push_back(floor_of_appends(floor, records, plan.appends, kInFlightMax));
    log_appends.push_back(appends_per_second(plan, clock, records));
  }
  std::cout << "two hops, one message at a time:\n";
  print_hops("log", log_hops);
  print_hops("floor", floor_hops);
  if (plan.appends == 0) return;
  std::cout << std::setprecision(0) << "appends    " << percentile(log_appends, 50)
            << " /s reported by the log\n"
            << "floor      " << percentile(floor_appends, 50)
            << " /s reported by librdkafka alone\n"
            << std::setprecision(2) << "ratio      "
            << percentile(log_appends, 50) / percentile(floor_appends, 50) << "\n";
}

}  // namespace
}  // namespace signalbox::bench

int main(int argc, char** argv) {
  using namespace signalbox::bench;
  CLI::App app("The log on Kafka against librdkafka alone");
  Plan plan;
  plan.kafka.topic_prefix = "bench";
  bool small = false;
  app.add_option("--kafka", plan.kafka.brokers, "HOST:PORT[,...] of the brokers")->required();
  app.add_option("--topic-prefix", plan.kafka.topic_prefix, "of the topics to write to");
  app.add_option("--messages", plan.messages, "of a round, for latency");
  app.add_option("--appends", plan.appends, "of a round, for throughput; 0: only latency");
  app.add_option("--rounds", plan.rounds, "of each");
  app.add_option_function<int>(
      "--pause-ms", [&](int ms) { plan.pause = std::chrono::milliseconds(ms); },
      "before each message; 0: each goes out when the last came back");
  app.add_flag("--small", small, "few messages, one round: for CI");
  CLI11_PARSE(app, argc, argv);
  if (small) {
    plan.messages = 50;
    plan.appends = 2'000;
    plan.rounds = 1;
  }
  std::cout << describe_conditions() << "values     " << kValueBytes << " bytes; " << plan.messages
            << " messages, a pause of " << plan.pause.count() << " ms before each, " << plan.appends
            << " appends, " << plan.rounds << " rounds, medians; " << plan.kafka.brokers << "\n";
  try {
    measure(plan);
  } catch (const std::exception& error) {
    std::cerr << "kafka_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
