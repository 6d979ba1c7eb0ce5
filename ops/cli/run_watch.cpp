#include "ops/cli/run_watch.hpp"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/ssl/context.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "event-store/contract/base64.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/timestamp.hpp"
#include "gateway/auth.hpp"
#include "ops/cli/config_sources.hpp"
#include "ops/cli/exit_code.hpp"
#include "ops/cli/json_log.hpp"
#include "ops/cli/serve_options.hpp"
#include "ops/cli/signing_key.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/usage_error.hpp"
#include "ops/cli/watch_options.hpp"
#include "ops/watch/metrics_page.hpp"
#include "ops/watch/probe_text.hpp"
#include "ops/watch/rollback.hpp"
#include "ops/watch/watch.hpp"
#include "ops/watch/watch_metrics.hpp"

namespace signalbox::cli {
namespace {

// A probe needs its token when it connects, and a new one is signed for the next.
constexpr std::chrono::minutes kTokenTimeToLive{5};

struct WatchArguments {
  WatchOptions options;
  Config config = describe(options);
  ConfigSources sources;
  bool once = false;
};

// When a token ends, if it can be read: whether it is good is for the service to say.
std::optional<Timestamp> end_of(const std::string& token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  const auto text =
      event_store::parse_base64url(std::string_view(token).substr(first + 1, second - first - 1));
  const auto claims = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (!claims.is_object() || !claims.contains("exp") || !claims["exp"].is_number_integer())
    return std::nullopt;
  return Timestamp(std::chrono::seconds(claims["exp"].get<std::int64_t>()));
}

Result<std::string> read_token(const std::string& file, Timestamp now) {
  std::ifstream stream(file, std::ios::binary);
  std::string token;
  if (!(stream >> token)) return failure(Errc::io_error, file + " cannot be read, or is empty");
  if (const auto end = end_of(token); end && *end <= now)
    return failure(Errc::token_invalid, "the one in " + file + " ended at " +
                                            signalbox::to_text(*end) +
                                            "; write a new one there, it is read again before "
                                            "every probe");
  return token;
}

Result<watch::Watch::TokenSource> make_token_source(const WatchOptions& options,
                                                    const Clock& clock) {
  if (options.token_file)
    return [&clock, file = *options.token_file] { return read_token(file, clock.now()); };
  const auto user = parse_id<UserId>(options.user, "watch.user");
  if (!user) return tl::unexpected(user.error());
  const auto key = load_signing_key(options.data, options.key_file.value_or(""));
  if (!key) return tl::unexpected(key.error());
  return [&clock, key = *key,
          claims = gateway::TokenClaims{.user_id = *user,
                                        .roles = {},
                                        .issuer = options.issuer,
                                        .time_to_live = kTokenTimeToLive}] {
    return Result<std::string>(gateway::sign_token(key, claims, clock.now()));
  };
}

Result<std::shared_ptr<asio::ssl::context>> make_tls(const WatchOptions& options) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  asio::error_code error;
  if (options.ca_file)
    context->load_verify_file(*options.ca_file, error);
  else
    context->set_default_verify_paths(error);
  if (error)
    return failure(Errc::bad_config,
                   options.ca_file.value_or("the system's certificates") +
                       ": no certificate can be read: " + error.message(),
                   "watch.ca_file");
  context->set_verify_mode(asio::ssl::verify_peer);
  return context;
}

// A line for who sits at the terminal; a line of JSON for who collects logs.
bool is_watched() { return isatty(STDOUT_FILENO) == 1; }

void tell(const watch::ProbeReport& report, const watch::Standing& standing, Timestamp now) {
  if (is_watched()) {
    std::printf("%s\n", watch::terminal_line(report, standing).c_str());
    std::fflush(stdout);
  } else {
    std::fprintf(stderr, "%s\n", watch::json_line(report, standing, now).c_str());
  }
}

void tell(const std::string& sentence) {
  if (is_watched())
    std::fprintf(stderr, "signalbox watch: %s\n", sentence.c_str());
  else
    spdlog::critical("{}", sentence);
}

int roll_back(const WatchOptions& options, const watch::Standing& standing) {
  tell("only " + std::to_string(standing.succeeded) + " of the " + std::to_string(standing.probes) +
       " probes of the last " + to_text(options.plan.judge.window) + " succeeded, fewer than " +
       std::to_string(options.plan.judge.success_percent_min) + " %");
  if (!options.rollback_command) {
    tell("there is no watch.rollback_command to run");
    return kExitFailed;
  }
  tell("runs watch.rollback_command: " + *options.rollback_command);
  const auto code = watch::run_rollback(*options.rollback_command, options.rollback_deadline);
  tell("the rollback command " +
       (code ? "ended with " + std::to_string(*code) : code.error().message));
  return kExitFailed;
}

// What a watch is made of, in the order it is made; one thread, main's.
class RunningWatch {
 public:
  RunningWatch(const WatchOptions& options, watch::Watch::TokenSource tokens, bool once)
      : once_(once),
        metrics_(registry_),
        random_(std::random_device{}()),
        signals_(io_, SIGTERM, SIGINT),
        watch_(io_, clock_, random_, options.plan, std::move(tokens),
               [this](const watch::ProbeReport& report, const watch::Standing& standing) {
                 on_probe(report, standing);
               }) {}

  Result<void> listen(const std::string& address) {
    auto page = watch::MetricsPage::listen(io_, address, registry_);
    if (!page) return tl::unexpected(page.error());
    page_ = *std::move(page);
    std::printf("listening on http://%s\n", page_->address().c_str());
    std::fflush(stdout);
    return {};
  }

  // Until a signal, the verdict, or the one probe. The standing where it is broken.
  std::optional<watch::Standing> run() {
    signals_.async_wait([this](const asio::error_code& error, int) {
      if (!error) io_.stop();
    });
    watch_.start();
    io_.run();
    return broken_;
  }
  [[nodiscard]] bool newest_failed() const { return newest_failed_; }

 private:
  void on_probe(const watch::ProbeReport& report, const watch::Standing& standing) {
    metrics_.add(report, standing);
    tell(report, standing, clock_.now());
    newest_failed_ = report.failure.has_value();
    if (standing.verdict == watch::Verdict::broken) broken_ = standing;
    if (!once_ && !broken_) return;
    watch_.stop();
    io_.stop();
  }

  const bool once_;
  SystemClock clock_;
  prometheus::Registry registry_;
  watch::WatchMetrics metrics_;
  Random random_;
  asio::io_context io_{1};
  asio::signal_set signals_;
  std::unique_ptr<watch::MetricsPage> page_;
  watch::Watch watch_;
  std::optional<watch::Standing> broken_;
  bool newest_failed_ = false;
};

int run_watch(WatchArguments& arguments) {
  WatchOptions& options = arguments.options;
  if (auto done = arguments.sources.read(arguments.config); !done)
    return refuse("watch", done.error());
  if (arguments.sources.print_config()) {
    std::fputs(arguments.config.print().c_str(), stdout);
    return kExitOk;
  }
  if (auto done = check(options); !done) return refuse("watch", done.error());
  options.plan.probe.service = client::parse_websocket_url(options.url);
  if (options.plan.probe.service.secure) {
    auto tls = make_tls(options);
    if (!tls) return refuse("watch", tls.error());
    options.plan.probe.tls = *std::move(tls);
  }
  const SystemClock clock;
  auto tokens = make_token_source(options, clock);
  if (!tokens) return refuse("watch", tokens.error());
  if (!is_watched()) log_as_json_lines();
  RunningWatch running(options, *std::move(tokens), arguments.once);
  if (options.metrics_listen)
    if (auto done = running.listen(*options.metrics_listen); !done)
      return refuse("watch", done.error());
  const auto broken = running.run();
  if (arguments.once) return running.newest_failed() ? kExitFailed : kExitOk;
  return broken ? roll_back(options, *broken) : kExitOk;
}

}  // namespace

Subcommand add_watch(CLI::App& program) {
  const auto arguments = std::make_shared<WatchArguments>();
  arguments->config.leave_to_others(keys_of_service);
  CLI::App* app = program.add_subcommand(
      "watch",
      "Sends a marked message along the whole path every few seconds and times each stage. Once "
      "too few of the last minute's are answered, it runs watch.rollback_command and ends with 1.");
  arguments->sources.add_to(*app, arguments->config);
  app->add_flag("--once", arguments->once, "one probe; ends with 0 where it succeeds, else with 1");
  app->footer(
      "A probe is the message of a user of its own, in a thread of the day, with an id that "
      "begins\n"
      "with signalbox-watch-. At a terminal each one is a line, else a line of JSON on standard\n"
      "error. Six probes make a minute, so one that fails is already below 95 %; a shorter\n"
      "watch.interval, or a lower watch.success_percent_min, bears more.\n\n"
      "Examples:\n"
      "  signalbox watch --dev --data signalbox-data\n"
      "  signalbox watch --once --dev --data signalbox-data\n"
      "  signalbox watch --url wss://chat.example.org/ws --key private.jwk \\\n"
      "    --metrics-listen 127.0.0.1:9100 --config box.toml\n\n"
      "where box.toml may be the service's own, with\n"
      "  [watch]\n"
      "  rollback_command = \"ln -sfn releases/41 current && systemctl restart signalbox\"");
  return {app, [arguments] { return run_watch(*arguments); }};
}

}  // namespace signalbox::cli
