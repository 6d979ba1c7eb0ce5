#include "ops/cli/run_serve.hpp"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/cli/config_sources.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/json_log.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/service.hpp"
#include "ops/cli/shutdown_signal.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::milliseconds kDrainGrace{20'000};
constexpr std::chrono::milliseconds kReadyPatience{10'000};
constexpr std::chrono::milliseconds kReadyPoll{10};
// Who ends by itself first tells why in /readyz, at least once to who asks at a usual pace.
constexpr std::chrono::milliseconds kReasonShown{10'000};

struct ServeArguments {
  std::string name;       // of the subcommand
  ServeOptions defaults;  // before anything was read
  ServeOptions options;
  Config config = describe(options);
  ConfigSources sources;
};

int refuse_to_serve(const ServeArguments& arguments, const Error& error) {
  // Most sentences about a setting have its key.
  const bool has_key = error.field.empty() || error.field.find('.') == std::string::npos ||
                       error.message.find(error.field) != std::string::npos;
  std::fprintf(stderr, "signalbox %s: %s%s%s\n", arguments.name.c_str(),
               has_key ? "" : error.field.c_str(), has_key ? "" : ": ", error.message.c_str());
  return exit_code_of(error.code);
}

// As many sockets as the system allows this process.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void stop_at_once(const Error& error) {
  spdlog::critical("the log has ended: {}", error.message);
  std::_Exit(kExitFailed);
}

void partition_stopped(ShutdownSignal& shutdown, const Error& error) {
  spdlog::critical("a partition is not served any longer: {}: {}", to_text(error.code),
                   error.message);
  if (error.code == Errc::unsupported_version)
    shutdown.fail({kExitTryAgain, "this version cannot fold an event of its log"});
}

// What still keeps the service from being ready when it need not, or may not, be waited for.
std::vector<std::string> wait_until_ready(const Service& service, ShutdownSignal& shutdown) {
  const auto give_up = std::chrono::steady_clock::now() + kReadyPatience;
  std::vector<std::string> reasons = service.not_ready();
  while (!reasons.empty() && std::chrono::steady_clock::now() < give_up) {
    if (shutdown.sleep(kReadyPoll)) break;
    reasons = service.not_ready();
  }
  return reasons;
}

// Nobody who waits for the address shall take it for a service that is ready when it is not.
void tell_address(const std::string& url, const std::vector<std::string>& waits_for) {
  std::string line = "listening on " + url;
  for (const std::string& reason : waits_for) {
    spdlog::warn("serving without being ready: {}", reason);
    line += (&reason == waits_for.data() ? ", not ready: " : "; ") + reason;
  }
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// What a service that runs can take of other settings: those that are live.
void take_live(ServeOptions& options, const ServeOptions& wanted) {
  options.limits = gateway::live_limits(wanted.limits, options.limits);
  options.router.rules.limits = wanted.router.rules.limits;
  options.router.started_runs_max = wanted.router.started_runs_max;
}

// Settings that are wrong change nothing: the service goes on with those it has.
void reread_limits(ServeArguments& arguments, Service& service) {
  ServeOptions wanted = arguments.defaults;
  Config config = describe(wanted);
  auto done = arguments.sources.read(config);
  ServeOptions in_force = arguments.options;
  take_live(in_force, wanted);
  if (done) done = check(wanted);
  // With those settings, too, that stay until the next start.
  if (done) done = check(in_force);
  if (!done) return spdlog::warn("SIGHUP: {}; the limits stay as they are", done.error().message);
  std::vector<std::string> changed;
  std::vector<std::string> of_next_start;
  for (const auto& [key, entry] : config.entries()) {
    if (!entry.is_here) continue;
    const auto known = arguments.config.entries().find(key);
    const std::string value = entry.setting.show();
    if (known == arguments.config.entries().end() || known->second.setting.show() == value)
      continue;
    if (entry.setting.is_live)
      changed.push_back(key + " is " + value + " now");
    else
      of_next_start.push_back(key + " has changed; that takes effect at the next start");
  }
  take_live(arguments.options, wanted);
  service.replace_limits(arguments.options);
  for (const std::string& line : changed) spdlog::info("SIGHUP: {}", line);
  for (const std::string& line : of_next_start) spdlog::warn("SIGHUP: {}", line);
}

int run_serve(ServeArguments& arguments) {
  if (auto done = arguments.sources.read(arguments.config); !done)
    return refuse_to_serve(arguments, done.error());
  if (arguments.sources.print_config()) {
    std::fputs(arguments.config.print().c_str(), stdout);
    return kExitOk;
  }
  if (auto done = check(arguments.options); !done) return refuse_to_serve(arguments, done.error());

  ShutdownSignal shutdown;
  log_as_json_lines();
  raise_descriptor_limit();
  const auto on_stopped = [&](const Error& error) { partition_stopped(shutdown, error); };
  auto service = Service::start(arguments.options,
                                {.log_ended = stop_at_once, .partition_stopped = on_stopped});
  if (!service) return refuse_to_serve(arguments, service.error());
  const bool is_tls = arguments.options.roles.gateway && arguments.options.tls_certificate;
  const std::string scheme = is_tls ? "https://" : "http://";
  tell_address(scheme + (*service)->address(), wait_until_ready(**service, shutdown));
  spdlog::info("{} on {} with data in {}", arguments.name, (*service)->address(),
               arguments.options.data);

  const ShutdownSignal::Reason reason = shutdown.wait([&] {
    spdlog::info("SIGHUP: limits, keys, revocations and certificate are read anew");
    reread_limits(arguments, **service);
    (*service)->reload();
  });
  if (reason.exit_code != kExitOk) shutdown.sleep_until_signal(kReasonShown);
  spdlog::info("stopping: {}", reason.text);
  (*service)->drain(kDrainGrace);
  service->reset();
  spdlog::info("stopped");
  return reason.exit_code;
}

Subcommand add_role(CLI::App& program, const AddAgents& add_agents, const std::string& name,
                    const Roles& roles, const std::string& about, const std::string& examples) {
  const auto arguments = std::make_shared<ServeArguments>();
  arguments->name = name;
  arguments->options.roles = roles;
  arguments->options.add_agents = add_agents;
  for (std::string& agent : names_of(add_agents))
    arguments->options.agents.push_back(std::move(agent));
  arguments->defaults = arguments->options;
  CLI::App* app = program.add_subcommand(name, about);
  arguments->sources.add_to(*app, arguments->config);
  app->footer(
      "Every setting may also stand in the environment: gateway.listen is "
      "SIGNALBOX_GATEWAY_LISTEN.\n\n"
      "Examples:\n" +
      examples);
  return {app, [arguments] { return run_serve(*arguments); }};
}

}  // namespace

std::vector<Subcommand> add_roles(CLI::App& program, const AddAgents& add_agents) {
  return {
      add_role(program, add_agents, "serve", {},
               "Gateway, router and event store in one process, with an embedded log or on Kafka.",
               "  signalbox serve --dev\n"
               "  signalbox serve --dev --listen 127.0.0.1:9000 --data box --playbook "
               "dialogues.jsonl\n"
               "  signalbox serve --listen 0.0.0.0:8080 --config box.toml\n"
               "  signalbox serve --dev --kafka 127.0.0.1:9092\n"
               "  signalbox serve --config box.toml --print-config"),
      add_role(
          program, add_agents, "gateway", {.router = false, .event_store = false},
          "Holds clients' sockets, over a log on Kafka; keeps nothing on its disk.",
          "  signalbox gateway --dev --kafka 127.0.0.1:9092\n"
          "  signalbox gateway --kafka k1:9092,k2:9092 --listen 0.0.0.0:8080 --config box.toml"),
      add_role(program, add_agents, "router", {.gateway = false, .event_store = false},
               "Runs agents for its share of the partitions of a log on Kafka. HTTP: /healthz, "
               "/readyz, /metrics.",
               "  signalbox router --kafka 127.0.0.1:9092 --listen 127.0.0.1:8090 --data router-1"),
      add_role(program, add_agents, "event-store", {.gateway = false, .router = false},
               "Keeps the archive of partitions of a log on Kafka. HTTP: the audit, /healthz, "
               "/readyz, /metrics.",
               "  signalbox event-store --kafka 127.0.0.1:9092 --listen 127.0.0.1:8091 --data "
               "store-1\n"
               "  signalbox event-store --kafka 127.0.0.1:9092 --partitions 0-5 --data store-2")};
}

}  // namespace signalbox::cli
