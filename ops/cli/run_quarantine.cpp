#include "ops/cli/run_quarantine.hpp"

#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "event-store/contract/base64.hpp"
#include "event-store/log/kafka_event_log.hpp"
#include "event-store/log/quarantine_desk.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/model/timestamp.hpp"
#include "ops/cli/config_sources.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/kafka_settings.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/service_data.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"
#include "ops/cli/usage_error.hpp"
#include "ops/cli/watch_options.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::cli {
namespace {

using event_store::QuarantineDesk;
using event_store::QuarantineEntry;

constexpr std::chrono::seconds kAnswerPatience{30};
constexpr std::size_t kShownCharacters = 160;  // of one field of a line

// Of one verb.
struct QuarantineArguments {
  std::string data = "signalbox-data";
  std::string id;
  bool all = false;
  bool json = false;
  event_store::KafkaOptions kafka;
  Config config;
  ConfigSources sources;
  CLI::App* app = nullptr;

  QuarantineArguments() {
    add_kafka(config, kafka);
    config.leave_to_others(keys_of_service);
    config.leave_to_others(keys_of_watch);
  }
};

// A service that runs may soon have stopped.
int refuse_verb(const Error& error) {
  const int code = refuse("quarantine", error);
  return error.code == Errc::already_running ? kExitTryAgain : code;
}

// The log, and the thread that hears what became of appends to it.
class Desk {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Desk>> open(const QuarantineArguments& arguments,
                                                          bool writes) {
    std::unique_ptr<Desk> desk(new Desk());
    if (!arguments.kafka.brokers.empty()) {
      auto log =
          event_store::KafkaEventLog::open({.kafka = arguments.kafka}, desk->clock_, desk->random_);
      return take(std::move(log), std::move(desk));
    }
    if (auto checked = check_service_data(arguments.data); !checked)
      return tl::unexpected(checked.error());
    auto log = writes ? event_store::SqliteEventLog::open({.dir = arguments.data}, desk->clock_,
                                                          desk->random_)
                      : event_store::SqliteEventLog::open_read_only(arguments.data);
    if (!log && log.error().code == Errc::already_running)
      return failure(Errc::already_running, "the service runs, and it alone writes to " +
                                                arguments.data + "; stop it first (" +
                                                log.error().message + ")");
    return take(std::move(log), std::move(desk));
  }
  ~Desk() {
    thread_.stop();
    log_.reset();
  }

  [[nodiscard]] QuarantineDesk desk() { return QuarantineDesk(*log_); }
  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] QuarantineDesk::Signature signature() const {
    return {"/signalbox/" + log_->describe().log_id.value().to_string() + "/quarantine/operator",
            clock_.now()};
  }
  Result<Offset> append(TopicPartition at, NewRecord record) {
    const auto answer = std::make_shared<std::promise<Result<Offset>>>();
    log_->append(at, std::move(record), thread_,
                 [answer](const Result<Offset>& appended) { answer->set_value(appended); });
    // A router's kind of append is tried for ever; who waits at a prompt is not.
    auto appended = answer->get_future();
    if (appended.wait_for(kAnswerPatience) == std::future_status::ready) return appended.get();
    return failure(Errc::log_unavailable,
                   "the log did not answer in time; it may still take the record: `signalbox "
                   "quarantine list` tells");
  }

 private:
  Desk() : random_(system_random()) {}
  template <class Log>
  static Result<std::unique_ptr<Desk>> take(Result<std::unique_ptr<Log>> log,
                                            std::unique_ptr<Desk> desk) {
    if (!log) return tl::unexpected<Error>(log.error());
    desk->log_ = std::move(*log);
    return desk;
  }

  SystemClock clock_;
  Random random_;
  RoleThread thread_{"quarantine"};
  std::unique_ptr<event_store::EventLog> log_;
};

std::string type_of(const QuarantineEntry& entry) {
  return std::string(entry.record.headers.find("ce_type").value_or("-"));
}

void print_line(const QuarantineEntry& entry) {
  const auto shown = [](const std::string& text) {
    return replay::shown_text(text, kShownCharacters);
  };
  std::printf("%s  %s %d/%lld  %s  %s  user %s  %s%s%s\n", entry.record.id.c_str(),
              std::string(to_text(entry.record.origin.topic)).c_str(),
              entry.record.origin.partition.value(),
              static_cast<long long>(entry.record.origin_offset.value()),
              signalbox::to_text(entry.record.time).c_str(), entry.record.reason.c_str(),
              entry.user ? shown(*entry.user).c_str() : "-", shown(type_of(entry)).c_str(),
              entry.resolved ? "  resolved: " : "", entry.resolved ? entry.resolved->c_str() : "");
}

void print_json(const QuarantineEntry& entry) {
  nlohmann::json line{{"id", entry.record.id},
                      {"topic", std::string(to_text(entry.record.origin.topic))},
                      {"partition", entry.record.origin.partition.value()},
                      {"offset", entry.record.origin_offset.value()},
                      {"time", signalbox::to_text(entry.record.time)},
                      {"reason", entry.record.reason},
                      {"type", type_of(entry)}};
  if (entry.user) line["user"] = *entry.user;
  if (entry.resolved) line["resolved"] = *entry.resolved;
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int list(const QuarantineArguments& arguments) {
  auto desk = Desk::open(arguments, false);
  if (!desk) return refuse_verb(desk.error());
  const auto done = (*desk)->desk().scan([&](const QuarantineEntry& entry) {
    if (entry.resolved && !arguments.all) return;
    arguments.json ? print_json(entry) : print_line(entry);
  });
  return done ? kExitOk : refuse_verb(done.error());
}

// As it is where a terminal can show it, else in base64.
std::string readable(std::string_view bytes) {
  const std::string shown = replay::shown_text(bytes, bytes.size() + 1);
  return shown == bytes ? shown : "base64:" + event_store::to_base64(bytes);
}

int show(const QuarantineArguments& arguments) {
  auto desk = Desk::open(arguments, false);
  if (!desk) return refuse_verb(desk.error());
  const auto entry = (*desk)->desk().find(arguments.id);
  if (!entry) return refuse_verb(entry.error());
  print_line(*entry);
  if (entry->record.cut_from)
    std::printf("kept in part: it has %lld bytes\n",
                static_cast<long long>(*entry->record.cut_from));
  std::printf("key: %s\n", entry->record.key ? readable(*entry->record.key).c_str() : "none");
  for (const Header header : entry->record.headers)
    std::printf("%s: %s\n", readable(header.name).c_str(), readable(header.value).c_str());
  std::printf("\n%s\n", readable(entry->record.value).c_str());
  return kExitOk;
}

int resolve(const QuarantineArguments& arguments, bool retry) {
  auto opened = Desk::open(arguments, true);
  if (!opened) return refuse_verb(opened.error());
  Desk& desk = **opened;
  const auto append = [&desk](TopicPartition at, NewRecord record) {
    return desk.append(at, std::move(record));
  };
  if (!retry) {
    const auto done = desk.desk().drop(arguments.id, desk.signature(), desk.random(), append);
    if (!done) return refuse_verb(done.error());
    std::printf("%s is dropped\n", arguments.id.c_str());
    return kExitOk;
  }
  const auto done = desk.desk().retry(arguments.id, desk.signature(), desk.random(), append);
  if (!done) return refuse_verb(done.error());
  std::printf("%s is in inbound again, at offset %lld\n", arguments.id.c_str(),
              static_cast<long long>(done->value()));
  return kExitOk;
}

std::shared_ptr<QuarantineArguments> add_quarantine_verb(CLI::App& quarantine,
                                                         const std::string& name,
                                                         const std::string& about, bool takes_id) {
  const std::string example = name + (takes_id ? " 941da0c4-33b9-5660-b5c3-43f551525f11" : "");
  auto arguments = std::make_shared<QuarantineArguments>();
  arguments->app = quarantine.add_subcommand(name, about);
  arguments->sources.add_to(*arguments->app, arguments->config);
  arguments->app->add_option("--data", arguments->data, "data directory, without --kafka")
      ->capture_default_str()
      ->check(not_empty());
  if (takes_id) {
    arguments->app->add_option("ID", arguments->id, "as `list` shows it")->required();
  } else {
    arguments->app->add_flag("--all", arguments->all, "also what is resolved");
    arguments->app->add_flag("--json", arguments->json, "one JSON object a line");
  }
  arguments->app->footer(
      "Examples:\n"
      "  signalbox quarantine " +
      example +
      " --data signalbox-data\n"
      "  signalbox quarantine " +
      example + " --kafka k1:9092,k2:9092 --topic-prefix box");
  return arguments;
}

int run(QuarantineArguments& arguments, const std::function<int()>& verb) {
  if (auto done = arguments.sources.read(arguments.config); !done) return refuse_verb(done.error());
  if (!arguments.sources.print_config()) return verb();
  std::fputs(arguments.config.print().c_str(), stdout);
  return kExitOk;
}

}  // namespace

Subcommand add_quarantine(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "quarantine", "Records nobody may act on: lists them, shows one, tries or drops it.");
  app->require_subcommand(1);
  const auto listed =
      add_quarantine_verb(*app, "list", "One line for each that is not resolved.", false);
  const auto shown =
      add_quarantine_verb(*app, "show", "All of one: headers, value, reason, place.", true);
  const auto retried = add_quarantine_verb(
      *app, "retry", "Puts one into inbound again as it was, then calls it resolved.", true);
  const auto dropped =
      add_quarantine_verb(*app, "drop", "Calls one resolved: nobody will act on it.", true);
  app->footer(
      "list and show read beside a running service; retry and drop of a data directory need it\n"
      "stopped, and end with 75 while it runs. A retry that is cut off before it is called\n"
      "resolved may be repeated: a message with the same id is answered once.\n\n"
      "Examples:\n"
      "  signalbox quarantine list --data signalbox-data\n"
      "  signalbox quarantine show 941da0c4-33b9-5660-b5c3-43f551525f11 --data signalbox-data\n"
      "  signalbox quarantine retry 941da0c4-33b9-5660-b5c3-43f551525f11 --kafka k1:9092\n"
      "  signalbox quarantine drop 941da0c4-33b9-5660-b5c3-43f551525f11 --data signalbox-data");
  return {app, [=] {
            if (listed->app->parsed()) return run(*listed, [&] { return list(*listed); });
            if (shown->app->parsed()) return run(*shown, [&] { return show(*shown); });
            if (retried->app->parsed())
              return run(*retried, [&] { return resolve(*retried, true); });
            return run(*dropped, [&] { return resolve(*dropped, false); });
          }};
}

}  // namespace signalbox::cli
