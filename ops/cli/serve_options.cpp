#include "ops/cli/serve_options.hpp"

#include <chrono>

#include "event-store/contract/write_version.hpp"
#include "gateway/address_range.hpp"
#include "gateway/listener.hpp"
#include "ops/cli/kafka_settings.hpp"
#include "ops/cli/role_settings.hpp"
#include "ops/cli/watch_options.hpp"

namespace signalbox::cli {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t kMebibyte = 1 << 20;

void add_program(Config& config, ServeOptions& options) {
  config.add(boolean_setting("dev", "development: signs tokens itself; loopback only", options.dev)
                 .with_flag("--dev"));
  config.add(text_setting("data", "data directory, made where it does not exist", options.data)
                 .with_flag("--data"));
  config.add(optional_text_setting("playbook", "recorded dialogues for the agent playbook",
                                   options.playbook)
                 .with_flag("--playbook"));
  config.add(integer_setting("playbook_latency_scale", "times the 1 to 8 ms of a playbook's tool",
                             options.playbook_latency_scale, 0, 10'000));
}

void add_gateway(Config& config, ServeOptions& options) {
  config.add(address_setting("gateway.listen",
                             "where clients connect; of a router or event store its HTTP",
                             options.listen)
                 .with_flag("--listen"));
  config.add(optional_address_setting("gateway.admin_listen",
                                      "where operators and auditors connect, HOST:PORT",
                                      options.admin_listen)
                 .with_flag("--admin-listen"));
  config.add(list_setting("gateway.origins", "Origins of pages that may connect beside the Host",
                          options.origins));
  config.add(list_setting("limits.connects_exempt",
                          "addresses and ranges whose connects are not limited",
                          options.connects_exempt));
  config.add(list_setting("gateway.trusted_proxies",
                          "addresses and ranges of proxies whose X-Forwarded-For is believed",
                          options.trusted_proxies));
  config.add(list_setting("gateway.agents", "agents a client may name", options.agents));
  config.add(integer_setting("gateway.io_threads", "threads that hold sockets; 0: one per core",
                             options.io_threads, 0, 256));
}

void add_tls(Config& config, ServeOptions& options) {
  config.add(optional_text_setting(
      "tls.certificate", "PEM file of the certificate of gateway.listen, its chain behind it",
      options.tls_certificate));
  config.add(optional_text_setting("tls.key", "PEM file of the certificate's private key",
                                   options.tls_key));
}

void add_auth(Config& config, ServeOptions& options) {
  config.add(optional_text_setting("auth.jwks", "file or https address of the JWK set of tokens",
                                   options.jwks));
  config.add(optional_text_setting("auth.ca_file", "certificates an https address is checked with",
                                   options.ca_file));
  config.add(optional_text_setting("auth.revoked_file", "lines `jti ID` or `sub USER [TIME]`",
                                   options.revoked_file));
  config.add(
      optional_text_setting("auth.issuer", "what iss of a token must be", options.tokens.issuer));
  config.add(duration_setting("auth.leeway", "between clocks, for exp and nbf",
                              options.tokens.leeway, seconds(0), minutes(5)));
  config.add(duration_setting("auth.expiry_warning", "before a token expires",
                              options.expiry_warning, seconds(0), hours(1)));
  config.add(duration_setting("auth.refetch", "between two looks at an https address",
                              options.refetch, seconds(1), hours(24)));
}

void add_audit(Config& config, ServeOptions& options) {
  config.add(optional_text_setting(
      "audit.anchor_dir",
      "folder of the signed anchors, best on another disk or host; none: anchors in data",
      options.anchor_dir));
  config.add(duration_setting("audit.anchor_interval", "an event waits at most for an anchor",
                              options.anchors.interval, milliseconds(100), hours(24)));
  config.add(integer_setting("audit.anchor_events", "events of a partition between two anchors",
                             options.anchors.events, 1, 1'000'000'000));
}

void add_rate(Config& config, const std::string& key, const std::string& what,
              gateway::BucketRate& rate) {
  config.add(
      integer_setting(key + "_per_second", what + ", on average", rate.per_second, 1, 1'000'000)
          .live());
  config.add(integer_setting(key + "_burst", what + " at once", rate.burst, 1, 1'000'000).live());
}

void add_rate_limits(Config& config, gateway::GatewayLimits& limits) {
  add_rate(config, "limits.messages", "sends of one user", limits.messages);
  add_rate(config, "limits.frames", "frames of one socket", limits.frames);
  config.add(duration_setting("limits.rate_limited_max",
                              "of sends refused without a second's pause until 4429",
                              limits.rate_limited_max, seconds(1), hours(1))
                 .live());
  add_rate(config, "limits.connects", "connects of one address", limits.connects);
  config.add(integer_setting("limits.accepts_per_second", "connections accepted a second",
                             limits.accepts_per_second, 1, 1'000'000)
                 .live());
  config.add(integer_setting("limits.reconnects_per_second",
                             "clients of a gateway that stops told to come back in one second",
                             limits.reconnects_per_second, 1, 1'000'000)
                 .live());
  config.add(integer_setting("limits.inbound_lag_records",
                             "acknowledged records a router may be behind; overloaded",
                             limits.inbound_lag.records_max, 2, 1'000'000'000)
                 .live());
  config.add(duration_setting("limits.inbound_lag_age",
                              "a router may be behind with an acknowledged record; overloaded",
                              limits.inbound_lag.age_max, seconds(1), hours(24))
                 .live());
}

void add_socket_limits(Config& config, gateway::GatewayLimits& limits) {
  config.add(integer_setting("limits.content_bytes_max", "bytes of a message's content",
                             limits.content_bytes_max, 1, 262'144)
                 .live());
  config.add(integer_setting("limits.frame_bytes_max", "bytes of a client's frame",
                             limits.frame_bytes_max, 1024, 16 * kMebibyte)
                 .live());
  config.add(
      integer_setting("limits.depth_max", "nesting of a client's frame", limits.depth_max, 2, 256)
          .live());
  config.add(integer_setting("limits.sockets_per_user_max", "sockets of one user on this gateway",
                             limits.sockets_per_user_max, 1, 10'000)
                 .live());
  config.add(integer_setting("limits.sends_without_ack_max", "sends of one socket not answered yet",
                             limits.sends_without_ack_max, 1, 65'536)
                 .live());
  config.add(duration_setting("limits.handshake", "for the whole HTTP handshake", limits.handshake,
                              milliseconds(100), minutes(5))
                 .live());
  config.add(duration_setting("limits.authentication", "for the first frame to bring a token",
                              limits.authentication, milliseconds(100), minutes(5))
                 .live());
  config.add(duration_setting("limits.heartbeat", "between two pings of the server",
                              limits.heartbeat, seconds(1), minutes(10))
                 .live());
  config.add(duration_setting("limits.heartbeat_lost", "without a sign of life until 4002",
                              limits.heartbeat_lost, seconds(2), hours(1))
                 .live());
}

void add_stream_limits(Config& config, gateway::GatewayLimits& limits) {
  config.add(integer_setting("limits.window_bytes_max", "bytes of recent events per partition",
                             limits.window_bytes_max, 64 * 1024, 4096 * kMebibyte)
                 .live());
  config.add(duration_setting("limits.window_age_max", "age of recent events kept in memory",
                              limits.window_age_max, seconds(1), hours(24))
                 .live());
  config.add(duration_setting("limits.partition_idle_max",
                              "a partition none of whose users has a socket is read on",
                              limits.partition_idle_max, seconds(1), hours(24))
                 .live());
  config.add(integer_setting("limits.progress_bytes_max", "bytes of open answers per partition",
                             limits.progress_bytes_max, 64 * 1024, 1024 * kMebibyte));
  config.add(integer_setting("limits.page_bytes_max", "bytes of a catch-up before it waits",
                             limits.page_bytes_max, 4096, 16 * kMebibyte));
  config.add(integer_setting("limits.outbox_bytes_max",
                             "bytes a socket may be behind; it turns to pull mode",
                             limits.outbox_bytes_max, 16 * 1024, 1024 * kMebibyte)
                 .live());
  config.add(integer_setting("limits.answers_bytes_max",
                             "bytes of answers that wait; nothing more is read of the socket",
                             limits.answers_bytes_max, 4096, 16 * kMebibyte)
                 .live());
  config.add(duration_setting("limits.stall", "without a byte taken by the socket until 4001",
                              limits.stall, seconds(2), hours(1))
                 .live());
  config.add(duration_setting("limits.close_stalled",
                              "a closing socket takes nothing, then it is cut",
                              limits.close_stalled, milliseconds(100), minutes(5))
                 .live());
  config.add(duration_setting("limits.close_linger", "a closing socket lives at most",
                              limits.close_linger, milliseconds(100), minutes(10))
                 .live());
  config.add(integer_setting("limits.log_scans_max", "reads of old log at a time",
                             limits.log_scans_max, 1, 64));
  config.add(integer_setting("limits.log_scans_waiting_max",
                             "reads of old log that wait; further ones: overloaded, 4003",
                             limits.log_scans_waiting_max, 1, 1'000'000));
  config.add(integer_setting("limits.history_requests_max",
                             "requests of /v1/history and /v1/threads at a time; further ones: 503",
                             limits.history_requests_max, 1, 4096));
  config.add(integer_setting("limits.history_requests_per_user_max",
                             "the same, of one user; further ones: 429",
                             limits.history_requests_per_user_max, 1, 4096));
  config.add(duration_setting("limits.partition_retry_max",
                              "between two tries to read a partition that cannot be read",
                              limits.partition_retry_max, milliseconds(100), minutes(10)));
  config.add(integer_setting("limits.connection_records_max", "socket facts waiting to be written",
                             limits.connection_records_max, 1, 1'000'000));
}

void add_run_limits(Config& config, router::RouterOptions& options) {
  router::RoutingLimits& limits = options.rules.limits;
  config.add(integer_setting("limits.queue_per_thread", "runs that wait behind one of their thread",
                             limits.queue_per_thread, 0, 1024)
                 .live());
  config.add(integer_setting("limits.runs_per_user", "runs of one user at a time",
                             limits.runs_per_user, 1, 256)
                 .live());
  config.add(integer_setting("limits.waiting_per_user", "runs of one user that wait",
                             limits.waiting_per_user, 1, 4096)
                 .live());
  config.add(integer_setting("limits.started_runs_max", "runs of one partition at a time",
                             options.started_runs_max, 1, 65'536)
                 .live());
  config.add(duration_setting("limits.step", "for one step of a run",
                              options.supervisor.step_deadline, milliseconds(100), hours(24)));
  config.add(duration_setting("limits.run", "for a whole run", options.supervisor.run_deadline,
                              seconds(1), hours(24 * 30)));
  config.add(integer_setting("limits.event_value_bytes_max", "bytes of an event's value",
                             options.supervisor.event_value_bytes_max, 4096, 524'288));
}

void add_log(Config& config, ServeOptions& options) {
  event_store::SqliteEventLogOptions& log = options.log;
  config.add(integer_setting("log.partitions", "of a new log, fixed for life; 0: its default",
                             options.partitions, 0, 10'000));
  config.add(integer_setting("log.queue_records_max", "appends not yet durable",
                             log.queue_records_max, 1, 10'000'000));
  config.add(integer_setting("log.queue_bytes_max", "bytes of appends not yet durable",
                             log.queue_bytes_max, kMebibyte, 4096 * kMebibyte));
  config.add(integer_setting("log.group_records_max", "records of one commit",
                             log.group_records_max, 1, 100'000));
  config.add(integer_setting("log.group_bytes_max", "bytes of one commit", log.group_bytes_max,
                             4096, 64 * kMebibyte));
  config.add(duration_setting("log.inbound_retention", "for answered commands",
                              log.inbound_retention, hours(24), hours(24 * 3650)));
  config.add(duration_setting("log.connections_retention", "for facts about sockets",
                              log.connections_retention, hours(24), hours(24 * 3650)));
  config.add(duration_setting("log.quarantine_retention", "for records nobody may act on",
                              log.quarantine_retention, hours(24), hours(24 * 3650)));
}

void add_router(Config& config, router::RouterOptions& options) {
  config.add(integer_setting("router.users_max", "user states in memory, of all partitions",
                             options.states.users_max, 1, 10'000'000));
  config.add(integer_setting("router.snapshot_events", "events of a user between two snapshots",
                             options.states.snapshot_events, 1, 1'000'000));
  config.add(integer_setting("router.open_events_max", "stated events not yet read back",
                             options.open_list.events_max, 1, 65'536));
  config.add(duration_setting("router.checkpoint_interval", "of activity between two checkpoints",
                              options.checkpoint_interval, seconds(1), hours(1)));
  config.add(duration_setting("router.snapshot_interval", "of activity between two snapshots",
                              options.snapshot_interval, seconds(1), hours(1)));
  config.add(duration_setting("router.release_grace", "for steps under way when it ends",
                              options.release_grace, seconds(0), minutes(10)));
}

void add_contract(Config& config, event_store::WriteVersion& write) {
  config.add(integer_setting("contract.write", "newest version of any record that is written",
                             write.number, 1, event_store::newest_write_version()));
}

class Problems {
 public:
  void add(std::string message, std::string field) {
    found_.push_back({Errc::bad_config, std::move(message), std::move(field)});
  }
  // A problem of its own, told under the setting's name.
  template <class T>
  void add(const Result<T>& result, const std::string& field) {
    if (!result) add(field + ": " + result.error().message, field);
  }
  [[nodiscard]] std::vector<Error> take() { return std::move(found_); }

 private:
  std::vector<Error> found_;
};

// What must fit together whoever signs the tokens.
void check_limits(const ServeOptions& options, Problems& problems) {
  // A new owner states one event per open run of a user at once.
  const auto& runs = options.router.rules.limits;
  const std::size_t open_runs_max = runs.waiting_per_user + runs.runs_per_user + 8;
  if (options.router.open_list.events_max < open_runs_max)
    problems.add(
        "router.open_events_max must be at least limits.waiting_per_user + "
        "limits.runs_per_user + 8, here " +
            std::to_string(open_runs_max),
        "router.open_events_max");
  if (options.limits.heartbeat_lost <= options.limits.heartbeat)
    problems.add("limits.heartbeat_lost must be longer than limits.heartbeat",
                 "limits.heartbeat_lost");
  problems.add(gateway::parse_ranges(options.connects_exempt), "limits.connects_exempt");
  problems.add(event_store::check_write_version(options.router.supervisor.write_version),
               "contract.write");
}

// What works over Kafka only.
void check_roles(const ServeOptions& options, Problems& problems) {
  const Roles& roles = options.roles;
  if (!options.kafka.brokers.empty()) {
    if (options.partitions != 0)
      problems.add(
          "log.partitions is of an embedded log; topics on Kafka get theirs by "
          "`signalbox topics create --partitions`",
          "log.partitions");
    return;
  }
  if (!roles.gateway || !roles.router || !roles.event_store)
    problems.add(
        "kafka.brokers: a role of its own meets the others in Kafka: name the cluster with "
        "--kafka HOST:PORT, or run all roles in one process with `signalbox serve`",
        "kafka.brokers");
  if (!options.archived.empty())
    problems.add(
        "event_store.partitions: an embedded log has one event store, which keeps them all",
        "event_store.partitions");
}

// Who signs the tokens, and whom that lets in.
void check_sign_in(const ServeOptions& options, Problems& problems) {
  if (!options.roles.gateway && !options.roles.event_store) return;  // nobody signs in
  if (!options.dev) {
    if (!options.jwks)
      problems.add(
          "nobody could sign in: name the JWK set that tokens are checked with in "
          "auth.jwks (a file or an https address), or try it out with --dev",
          "auth.jwks");
    return;
  }
  if (options.jwks)
    problems.add("--dev signs tokens with a key of its own: leave out either --dev or auth.jwks",
                 "auth.jwks");
  if (!gateway::is_loopback(options.listen))
    problems.add(
        "--dev signs tokens for anybody, so gateway.listen must be a loopback address "
        "(127.0.0.0/8 or ::1)",
        "gateway.listen");
  if (options.admin_listen && !gateway::is_loopback(*options.admin_listen))
    problems.add(
        "--dev signs tokens for anybody, so gateway.admin_listen must be a loopback "
        "address (127.0.0.0/8 or ::1)",
        "gateway.admin_listen");
}

}  // namespace

Config describe(ServeOptions& options) {
  Config config;
  add_program(config, options);
  add_gateway(config, options);
  add_tls(config, options);
  add_auth(config, options);
  add_audit(config, options);
  add_log(config, options);
  add_kafka(config, options.kafka);
  add_role_settings(config, options);
  config.begin_part(options.roles.gateway);
  add_rate_limits(config, options.limits);
  add_socket_limits(config, options.limits);
  add_stream_limits(config, options.limits);
  config.begin_part(options.roles.router);
  add_run_limits(config, options.router);
  add_router(config, options.router);
  config.begin_part(true);
  add_contract(config, options.router.supervisor.write_version);
  config.leave_to_others(keys_of_watch);
  return config;
}

Config::Keys keys_of_service() {
  ServeOptions options;
  return describe(options).keys();
}

std::vector<Error> problems_of(const ServeOptions& options) {
  Problems problems;
  if (options.tls_certificate.has_value() != options.tls_key.has_value())
    problems.add("tls.certificate and tls.key belong together",
                 options.tls_key ? "tls.certificate" : "tls.key");
  problems.add(gateway::parse_ranges(options.trusted_proxies), "gateway.trusted_proxies");
  check_roles(options, problems);
  check_sign_in(options, problems);
  check_limits(options, problems);
  return problems.take();
}

Result<void> check(const ServeOptions& options) {
  std::vector<Error> problems = problems_of(options);
  if (problems.empty()) return {};
  return tl::unexpected(std::move(problems.front()));
}

}  // namespace signalbox::cli
