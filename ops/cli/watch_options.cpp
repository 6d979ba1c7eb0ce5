#include "ops/cli/watch_options.hpp"

namespace signalbox::cli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void add_service(Config& config, WatchOptions& options) {
  config.add(
      text_setting("watch.url", "the service, ws://HOST:PORT/ws or wss://HOST/ws", options.url)
          .with_flag("--url"));
  config.add(optional_text_setting("watch.ca_file",
                                   "certificates a wss service is checked with; none: the system's",
                                   options.ca_file)
                 .with_flag("--ca-file"));
  config.add(optional_address_setting("watch.metrics_listen",
                                      "where GET /metrics is answered, HOST:PORT",
                                      options.metrics_listen)
                 .with_flag("--metrics-listen"));
}

void add_token(Config& config, WatchOptions& options) {
  config.add(boolean_setting("dev", "signs tokens with the key of a service of --dev, in data",
                             options.dev)
                 .with_flag("--dev"));
  config.add(
      text_setting("data", "data directory of that service", options.data).with_flag("--data"));
  config.add(optional_text_setting("watch.token_file",
                                   "file with a token, read again before every probe",
                                   options.token_file)
                 .with_flag("--token-file"));
  config.add(optional_text_setting("watch.key", "file with a private JWK to sign tokens with",
                                   options.key_file)
                 .with_flag("--key"));
  config.add(
      optional_text_setting("watch.issuer", "what iss of a signed token says", options.issuer));
  config.add(text_setting("watch.user", "whose messages the probes are; nobody's but the watch's",
                          options.user)
                 .with_flag("--user"));
}

void add_probe(Config& config, watch::WatchPlan& plan) {
  config.add(duration_setting("watch.interval", "from one probe to the next", plan.interval,
                              milliseconds(100), hours(1)));
  config.add(duration_setting("watch.stage_deadline", "from one stage of a probe to the next",
                              plan.probe.stage_deadline, milliseconds(10), minutes(15)));
  config.add(duration_setting("watch.deadline", "for a whole probe", plan.probe.deadline,
                              milliseconds(10), hours(1)));
  config.add(text_setting("watch.agent", "who is asked", plan.probe.agent));
  config.add(text_setting("watch.content", "what is said", plan.probe.content));
  config.add(text_setting("watch.expected", "what must stand in the answer", plan.probe.expected));
}

void add_verdict(Config& config, WatchOptions& options) {
  watch::JudgeOptions& judge = options.plan.judge;
  config.add(duration_setting("watch.window", "probes are judged over", judge.window, seconds(1),
                              hours(24)));
  config.add(integer_setting("watch.success_percent_min",
                             "of the window's probes must succeed; below: the end",
                             judge.success_percent_min, 1, 100));
  config.add(integer_setting("watch.probes_min", "probes in a window without which none is judged",
                             judge.probes_min, 1, 10'000));
  config.add(optional_text_setting("watch.rollback_command",
                                   "given to /bin/sh -c when too few probes succeed",
                                   options.rollback_command));
  config.add(duration_setting("watch.rollback_deadline", "for that command",
                              options.rollback_deadline, seconds(1), hours(1)));
}

}  // namespace

Config describe(WatchOptions& options) {
  Config config;
  add_service(config, options);
  add_token(config, options);
  add_probe(config, options.plan);
  add_verdict(config, options);
  return config;
}

Config::Keys keys_of_watch() {
  WatchOptions options;
  return describe(options).keys();
}

Result<void> check(const WatchOptions& options) {
  const int sources =
      (options.dev ? 1 : 0) + (options.token_file ? 1 : 0) + (options.key_file ? 1 : 0);
  if (sources != 1)
    return failure(Errc::bad_config,
                   "the probes need a token: name exactly one of --dev (the key of a service of "
                   "--dev, in --data), --token-file, or --key (a private JWK)",
                   "watch.token_file");
  if (client::parse_websocket_url(options.url).host.empty())
    return failure(Errc::bad_config,
                   "watch.url must be ws://HOST:PORT/ws or wss://HOST:PORT/ws, not " + options.url,
                   "watch.url");
  const watch::WatchPlan& plan = options.plan;
  // A probe that takes as long as it can leaves out moments, also the one at which it just ends;
  // even then a window must hold enough.
  const auto rounds = (plan.probe.deadline + watch::Probe::kLeaveMax) / plan.interval + 1;
  const milliseconds apart = plan.interval * rounds;
  const milliseconds needed = apart * static_cast<std::int64_t>(plan.judge.probes_min);
  if (needed > plan.judge.window)
    return failure(Errc::bad_config,
                   "watch.window must hold watch.probes_min probes that take watch.deadline and " +
                       to_text(watch::Probe::kLeaveMax) + " each, here at least " + to_text(needed),
                   "watch.window");
  return {};
}

}  // namespace signalbox::cli
