// A gateway over a real embedded log, with an owner that answers every user_message by one
// message_received, for tests that come through real sockets. Prints where it listens; does what
// the lines of its standard input say, answers each with `ok`, and ends with its standard input.
// What it is told to state is appended in order, no faster than the log takes it; were an append
// refused all the same, the program would say so and end with 3: no test counts on events that
// never were.
//   state USER COUNT BYTES   appends COUNT events of that user
//   spread PREFIX USERS COUNT BYTES
//                            the same for PREFIX0, PREFIX1 …, USERS of them, an event each in turn
//   progress USER RUN INDEX  appends a piece of an answer
//   break USER               the user's next event has a seq that does not follow
//   unclaimed USER           appends an event of an epoch that nobody has claimed: his partition
//                            cannot be read any further
//   inbound                  prints how many commands were read
//   drain [SECONDS]          drains the gateway, for 10 s at most if nothing else is said
// Arguments: DATA_DIR, then limits of gateway and log as NAME=NUMBER.
#include <prometheus/registry.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <deque>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "gateway/gateway.hpp"
#include "gateway/io_thread.hpp"
#include "tests/support/test_records.hpp"

namespace signalbox {
namespace {

using event_store::EventLog;

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};

// Owns every partition; thread: its executor.
class AnsweringOwner {
 public:
  AnsweringOwner(EventLog& log, const event_store::SqliteEventLogOptions& options,
                 Executor& executor, Random& random)
      : log_(log),
        executor_(executor),
        in_flight_max_(options.queue_records_max / 4),
        in_flight_bytes_max_(options.queue_bytes_max / 4) {
    for (std::int32_t i = 0; i < log.describe().partitions; ++i) {
      owners_.emplace_back(log.describe().log_id, Epoch(1), random);
      append(Partition(i), owners_.back().owned());
      readers_.push_back(std::make_unique<Reader>(*this));
      tails_.push_back(
          log.tail({Topic::inbound, Partition(i)}, Offset(0), executor, *readers_.back()));
    }
  }

  void state(const std::string& user, Offset cause, const std::string& text) {
    const Partition partition = event_store::partition_of_key(user, log_.describe().partitions);
    append(partition, owner(partition).event(user, cause, text));
  }
  void break_seq(const std::string& user) {
    const Partition partition = event_store::partition_of_key(user, log_.describe().partitions);
    owner(partition).break_seq(user, Seq(1'000'000));
  }
  void state_unclaimed(const std::string& user) {
    Random random(9);
    test_support::TestOwner nobody(log_.describe().log_id, Epoch(1'000'000), random);
    append(event_store::partition_of_key(user, log_.describe().partitions),
           nobody.event(user, Offset(0)));
  }
  void progress(const std::string& user, const std::string& message, std::int32_t index) {
    const UserId id(user);
    const Progress piece{
        .id = "00000000-0000-4000-8000-000000000000",
        .source = "/test",
        .time = Timestamp{},
        .context = {id, ThreadId("t"), event_store::run_id_of(id, MessageId(message)),
                    WebsocketClientId("ws_test")},
        .attempt = Attempt(1),
        .data = {index, index * 5, "piece"}};
    log_.append({Topic::progress, event_store::partition_of(id, log_.describe().partitions)},
                event_store::encode_progress(piece), executor_, end_if_refused);
  }
  [[nodiscard]] std::size_t commands() const { return commands_; }
  // Decides nothing until told to decide all of it.
  void hold() { holds_ = true; }
  void decide() {
    holds_ = false;
    for (const RecordPtr& record : std::exchange(held_, {})) answer(*record);
  }

 private:
  class Reader final : public event_store::TailSink {
   public:
    explicit Reader(AnsweringOwner& owner) : owner_(owner) {}
    void on_records(std::span<const RecordPtr> records) override {
      for (const RecordPtr& record : records)
        if (owner_.holds_)
          owner_.held_.push_back(record);
        else
          owner_.answer(*record);
    }
    void on_caught_up(Offset) override {}
    void on_failed(const Error& error) override { spdlog::error("{}", error.message); }

   private:
    AnsweringOwner& owner_;
  };

  void answer(const Record& record) {
    ++commands_;
    const auto command = event_store::decode_command(record);
    if (!command) {
      spdlog::error("a command cannot be read: {} {}", command.error().message,
                    command.error().field);
      return;
    }
    if (const auto* message = std::get_if<UserMessage>(&command->data))
      state(command->user_id.value(), record.offset, message->content);
  }
  static void end_if_refused(const Result<Offset>& appended) {
    if (appended) return;
    std::cerr << "the log refused an append: " << appended.error().message << std::endl;
    std::_Exit(3);
  }
  void append(Partition partition, NewRecord record) {
    waiting_.emplace_back(partition, std::move(record));
    append_waiting();
  }
  void append_waiting() {
    for (; !waiting_.empty() && in_flight_ < in_flight_max_ &&
           in_flight_bytes_ < in_flight_bytes_max_;
         waiting_.pop_front()) {
      auto& [partition, record] = waiting_.front();
      const std::size_t bytes = record.value.size();
      ++in_flight_;
      in_flight_bytes_ += bytes;
      log_.append(
          {Topic::events, partition}, std::move(record), executor_,
          [this, bytes, alive = std::weak_ptr<const bool>(alive_)](Result<Offset> appended) {
            if (alive.expired()) return;
            end_if_refused(appended);
            --in_flight_;
            in_flight_bytes_ -= bytes;
            append_waiting();
          });
    }
  }
  test_support::TestOwner& owner(Partition partition) {
    return owners_[static_cast<std::size_t>(partition.value())];
  }

  EventLog& log_;
  Executor& executor_;
  std::vector<test_support::TestOwner> owners_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::unique_ptr<event_store::Tail>> tails_;
  std::size_t commands_ = 0;
  bool holds_ = false;
  std::vector<RecordPtr> held_;
  std::deque<std::pair<Partition, NewRecord>> waiting_;
  const std::size_t in_flight_max_;  // a quarter of what the log keeps for all who append
  const std::size_t in_flight_bytes_max_;
  std::size_t in_flight_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

struct Settings {
  gateway::GatewayLimits limits{};
  event_store::SqliteEventLogOptions log{};
};

Settings read_settings(int argc, char** argv) {
  Settings settings;
  settings.log.dir = std::string(argv[1]) + "/log";
  gateway::GatewayLimits& limits = settings.limits;
  const std::map<std::string, std::function<void(long)>> known{
      {"sockets_per_user_max",
       [&](long n) { limits.sockets_per_user_max = static_cast<std::size_t>(n); }},
      {"authentication", [&](long n) { limits.authentication = std::chrono::milliseconds(n); }},
      {"heartbeat", [&](long n) { limits.heartbeat = std::chrono::milliseconds(n); }},
      {"heartbeat_lost", [&](long n) { limits.heartbeat_lost = std::chrono::milliseconds(n); }},
      {"window_bytes_max", [&](long n) { limits.window_bytes_max = static_cast<std::size_t>(n); }},
      {"messages_burst", [&](long n) { limits.messages.burst = n; }},
      {"frames_burst", [&](long n) { limits.frames.burst = n; }},
      {"frames_per_second", [&](long n) { limits.frames.per_second = n; }},
      {"rate_limited_max", [&](long n) { limits.rate_limited_max = std::chrono::milliseconds(n); }},
      {"connects_burst", [&](long n) { limits.connects.burst = n; }},
      {"connects_per_second", [&](long n) { limits.connects.per_second = n; }},
      {"accepts_per_second", [&](long n) { limits.accepts_per_second = n; }},
      {"inbound_lag_records", [&](long n) { limits.inbound_lag.records_max = n; }},
      {"reconnects_per_second", [&](long n) { limits.reconnects_per_second = n; }},
      {"stall", [&](long n) { limits.stall = std::chrono::milliseconds(n); }},
      {"answers_bytes_max",
       [&](long n) { limits.answers_bytes_max = static_cast<std::size_t>(n); }},
      {"log_scans_max", [&](long n) { limits.log_scans_max = static_cast<std::size_t>(n); }},
      {"log_scans_waiting_max",
       [&](long n) { limits.log_scans_waiting_max = static_cast<std::size_t>(n); }},
      {"handshake", [&](long n) { limits.handshake = std::chrono::milliseconds(n); }},
      {"close_stalled", [&](long n) { limits.close_stalled = std::chrono::milliseconds(n); }},
      {"close_linger", [&](long n) { limits.close_linger = std::chrono::milliseconds(n); }},
      {"log_queue_records_max",
       [&](long n) { settings.log.queue_records_max = static_cast<std::size_t>(n); }},
      {"outbox_bytes_max", [&](long n) { limits.outbox_bytes_max = static_cast<std::size_t>(n); }},
  };
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    known.at(argument.substr(0, equals))(std::stol(argument.substr(equals + 1)));
  }
  return settings;
}

void obey(const std::string& line, AnsweringOwner& owner, gateway::IoThread& thread,
          gateway::Gateway& gateway) {
  std::istringstream words(line);
  std::string verb;
  std::string user;
  words >> verb;
  if (verb == "drain") {
    std::int64_t seconds = 10;
    words >> seconds;
    gateway.drain(std::chrono::seconds(seconds));
  } else if (verb == "inbound") {
    thread.run_and_wait([&] { std::cout << owner.commands() << "\n"; });
  } else if (verb == "state") {
    std::size_t count = 0;
    std::size_t bytes = 0;
    words >> user >> count >> bytes;
    thread.run_and_wait([&] {
      for (std::size_t i = 0; i < count; ++i) owner.state(user, Offset(0), std::string(bytes, 'x'));
    });
  } else if (verb == "spread") {
    std::size_t users = 0;
    std::size_t count = 0;
    std::size_t bytes = 0;
    words >> user >> users >> count >> bytes;
    const std::string text(bytes, 'x');
    thread.run_and_wait([&] {
      for (std::size_t i = 0; i < users * count; ++i)
        owner.state(user + std::to_string(i % users), Offset(0), text);
    });
  } else if (verb == "hold") {
    thread.run_and_wait([&] { owner.hold(); });
  } else if (verb == "decide") {
    thread.run_and_wait([&] { owner.decide(); });
  } else if (verb == "break") {
    words >> user;
    thread.run_and_wait([&] { owner.break_seq(user); });
  } else if (verb == "unclaimed") {
    words >> user;
    thread.run_and_wait([&] { owner.state_unclaimed(user); });
  } else if (verb == "progress") {
    std::string message;
    std::int32_t index = 0;
    words >> user >> message >> index;
    thread.run_and_wait([&] { owner.progress(user, message, index); });
  }
  std::cout << "ok" << std::endl;
}

int serve(int argc, char** argv) {
  const SystemClock clock;
  Random random(7);
  const Settings settings = read_settings(argc, argv);
  auto log = event_store::SqliteEventLog::open(settings.log, clock, random);
  if (!log) throw std::runtime_error(log.error().message);
  auto key = gateway::load_dev_key(std::string(argv[1]) + "/dev.key");
  if (!key) throw std::runtime_error(key.error().message);
  auto keys = gateway::KeySet::make({*key});
  prometheus::Registry registry;
  gateway::IoThread owner_thread("owner");
  owner_thread.start();
  std::optional<AnsweringOwner> owner;
  owner_thread.run_and_wait([&] { owner.emplace(**log, settings.log, owner_thread, random); });
  auto gateway = gateway::Gateway::start(**log, nullptr, clock, registry,
                                         gateway::GatewayOptions{.listen = "127.0.0.1:0",
                                                                 .dev = true,
                                                                 .shards = 2,
                                                                 .seed = 11,
                                                                 .limits = settings.limits,
                                                                 .keys = *keys,
                                                                 .dev_key = *key});
  if (!gateway) throw std::runtime_error(gateway.error().message);
  std::cout << "listening on http://" << (*gateway)->address() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) obey(line, *owner, owner_thread, **gateway);
  (*gateway)->stop();
  owner_thread.run_and_wait([&] { owner.reset(); });
  log->reset();
  owner_thread.finish();
  return 0;
}

}  // namespace
}  // namespace signalbox

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("test"));
  try {
    return signalbox::serve(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
