#include "gateway/gateway.hpp"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "event-store/model/assert.hpp"
#include "gateway/address_limit.hpp"
#include "gateway/asyncapi.hpp"
#include "gateway/auth_emitter.hpp"
#include "gateway/caller.hpp"
#include "gateway/client_registry.hpp"
#include "gateway/fallback_history.hpp"
#include "gateway/feed.hpp"
#include "gateway/history_api.hpp"
#include "gateway/http_routes.hpp"
#include "gateway/http_server.hpp"
#include "gateway/hub.hpp"
#include "gateway/listener.hpp"
#include "gateway/log_history.hpp"
#include "gateway/metrics.hpp"
#include "gateway/session.hpp"
#include "gateway/web_pages.hpp"
#include "gateway/websocket_server.hpp"

namespace signalbox::gateway {
namespace {

enum Port { kPublicPort = 0, kAdminPort = 1 };
constexpr std::chrono::milliseconds kPoll{5};
constexpr std::chrono::seconds kCloseMax{5};

bool wait_until(std::chrono::milliseconds longest, const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

SocketLimits socket_limits(const GatewayLimits& limits) {
  return SocketLimits{.outbox_bytes_max = limits.outbox_bytes_max,
                      .answers_bytes_max = limits.answers_bytes_max,
                      .frames = limits.frames,
                      .writable_bytes = limits.page_bytes_max,
                      .batch_bytes_max = 2 * limits.page_bytes_max,
                      .stall = limits.stall,
                      .close_stalled = limits.close_stalled,
                      .close_linger = limits.close_linger};
}

ServerOptions server_options(const GatewayOptions& options) {
  return ServerOptions{.frame_bytes_max = options.limits.frame_bytes_max,
                       .handshake = options.limits.handshake,
                       .trusted_proxies = options.trusted_proxies,
                       .tls = options.tls,
                       .socket = socket_limits(options.limits)};
}

HttpResponse bad_member(std::string_view code, const std::string& field, const std::string& what) {
  return http_error(400, code, field + " " + what, field);
}

// What is wrong with the roles, or which they are.
tl::expected<std::vector<std::string>, HttpResponse> read_roles(const nlohmann::json& body) {
  std::vector<std::string> read;
  const auto roles = body.find("roles");
  if (roles == body.end()) return read;
  if (!roles->is_array())
    return tl::unexpected(bad_member("bad_field", "roles", "must be an array of strings"));
  for (const nlohmann::json& role : *roles) {
    if (!role.is_string())
      return tl::unexpected(bad_member("bad_field", "roles[" + std::to_string(read.size()) + "]",
                                       "must be a string"));
    read.push_back(role);
  }
  return read;
}

// POST {"user_id": ..., "roles": [...]}
HttpResponse give_dev_token(const TokenKey& key, const Clock& clock, const HttpRequest& request) {
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object())
    return http_error(400, "bad_json", "send {\"user_id\": \"...\", \"roles\": [...]}");
  const auto user = body.find("user_id");
  if (user == body.end()) return bad_member("missing_field", "user_id", "is missing");
  if (!user->is_string()) return bad_member("bad_field", "user_id", "must be a string");
  auto id = parse_id<UserId>(user->get_ref<const std::string&>(), "user_id");
  if (!id) return bad_member("bad_field", "user_id", id.error().message);
  auto roles = read_roles(body);
  if (!roles) return std::move(roles.error());
  const TokenClaims claims{*std::move(id), *std::move(roles)};
  return {.body = nlohmann::json{{"token", sign_token(key, claims, clock.now())}}.dump() + "\n"};
}

}  // namespace

struct Gateway::Parts {
  // What one shard has for itself.
  struct ShardParts {
    ShardParts(std::size_t index, std::uint64_t seed, SessionOptions options)
        : session_options(std::move(options)),
          thread("gateway-io-" + std::to_string(index)),
          random(seed) {}
    SessionOptions session_options;  // of the thread, once that has started
    IoThread thread;
    Hub hub;
    Random random;
    std::optional<ConnectionJournal> journal;
    std::optional<SessionParts> sessions;
  };

  Parts(event_store::EventLog& event_log, const Clock& the_clock,
        prometheus::Registry& prometheus_registry, GatewayOptions given)
      : log(event_log),
        clock(the_clock),
        registry(prometheus_registry),
        options(std::move(given)),
        session_options{.limits = options.limits,
                        .agents = options.agents,
                        .gateway = options.instance,
                        .source = "/signalbox/" + log.describe().log_id.value().to_string() +
                                  "/gateway/" + options.instance,
                        .token_leeway = options.tokens.leeway,
                        .expiry_warning = options.expiry_warning,
                        .log = log.describe()},
        metrics(prometheus_registry),
        clients(options.limits.sockets_per_user_max, options.limits.messages, clock),
        connects(options.limits.connects, options.connects_exempt),
        inbound_lag(options.limits.inbound_lag, log.describe().partitions),
        authenticator(clock, options.keys, options.tokens),
        hosts(options.dev ? HostRule::loopback : HostRule::any),
        feed_random(options.seed + 1),
        public_routes(hosts),
        admin_routes(hosts),
        feed_thread("gateway-feed"),
        listener_thread("gateway-accept"),
        history_thread("gateway-http") {}

  void make_shards();
  void make_feed(event_store::UserHistory* history);
  void make_routes(event_store::UserHistory* history);
  void make_server();
  Result<void> listen();
  UpgradeAnswer upgrade(std::size_t shard, const UpgradeRequest& request);
  UpgradeAnswer refuse(HttpResponse response);
  [[nodiscard]] HttpResponse readiness();

  event_store::EventLog& log;
  const Clock& clock;
  prometheus::Registry& registry;
  GatewayOptions options;
  const SessionOptions session_options;  // as it was started; every shard has its own
  GatewayMetrics metrics;
  ClientRegistry clients;
  AddressLimit connects;
  InboundLag inbound_lag;
  Authenticator authenticator;
  CallbackCount callbacks;  // answers of log and history that are still to come
  std::atomic<std::uint64_t> last_session{0};
  std::atomic<bool> draining{false};
  bool stopped = false;
  const HostRule hosts;
  Random feed_random;
  HttpRoutes public_routes;
  HttpRoutes admin_routes;
  IoThread feed_thread;
  IoThread listener_thread;
  IoThread history_thread;  // of history_api
  std::vector<std::unique_ptr<IoThread>> helpers;
  std::vector<std::unique_ptr<ShardParts>> shards;
  std::optional<Feed> feed;
  std::optional<LogHistory> log_history;  // where there is no event store, or none answers
  std::optional<FallbackHistory> fallback_history;
  std::optional<HistoryApi> history_api;
  std::optional<WebsocketServer> server;
  std::vector<std::unique_ptr<Listener>> listeners;  // public, then admin
  std::string address;
  std::string admin_address;
};

void Gateway::Parts::make_shards() {
  Random random(options.seed);
  const std::size_t count =
      options.shards != 0 ? options.shards : std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) {
    auto& shard =
        *shards.emplace_back(std::make_unique<ShardParts>(i, random.next(), session_options));
    shard.thread.start();
    shard.journal.emplace(
        log, shard.thread, clock, shard.random, callbacks,
        ConnectionJournal::Options{.source = session_options.source,
                                   .partitions = log.describe().partitions,
                                   .records_max = options.limits.connection_records_max});
  }
  const std::string boot = random.uuid().to_string();
  shards[0]->thread.post([this, boot] { shards[0]->journal->note_start(options.instance, boot); });
}

void Gateway::Parts::make_feed(event_store::UserHistory* history) {
  std::vector<Executor*> helper_executors;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options.limits.log_scans_max); ++i) {
    helpers.push_back(std::make_unique<IoThread>("gateway-scan-" + std::to_string(i)));
    helpers.back()->start();
    helper_executors.push_back(helpers.back().get());
  }
  std::vector<ShardPort> ports;
  for (const auto& shard : shards) ports.push_back({&shard->thread, &shard->hub});
  feed_thread.start();
  feed.emplace(Feed::Parts{.log = log,
                           .history = history,
                           .executor = feed_thread,
                           .clock = clock,
                           .helpers = std::move(helper_executors),
                           .shards = std::move(ports),
                           .make_frame = WebsocketServer::make_frame,
                           .metrics = metrics,
                           .callbacks = callbacks,
                           .inbound_lag = inbound_lag,
                           .random = feed_random,
                           .limits = options.limits});
  feed_thread.run_and_wait([&] { feed->open(); });
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i]->sessions.emplace(SessionParts{.shard = i,
                                             .executor = shards[i]->thread,
                                             .hub = shards[i]->hub,
                                             .feed = *feed,
                                             .log = log,
                                             .clock = clock,
                                             .random = shards[i]->random,
                                             .authenticator = authenticator,
                                             .registry = clients,
                                             .inbound_lag = inbound_lag,
                                             .journal = *shards[i]->journal,
                                             .metrics = metrics,
                                             .callbacks = callbacks,
                                             .make_frame = WebsocketServer::make_frame,
                                             .options = shards[i]->session_options});
}

void Gateway::Parts::make_routes(event_store::UserHistory* history) {
  history_thread.start();
  log_history.emplace(log, *feed, clock, LogHistory::Options{});
  if (history != nullptr) history = &fallback_history.emplace(*history, *log_history);
  if (history == nullptr) history = &*log_history;
  history_api.emplace(
      HistoryApi::Parts{log, *history, *feed, authenticator, history_thread, clock, callbacks,
                        metrics},
      HistoryApi::Options{.requests_max = options.limits.history_requests_max,
                          .requests_per_user_max = options.limits.history_requests_per_user_max});
  public_routes.add(history_api->routes());
  public_routes.add(make_page_routes({.dev = options.dev, .agents = options.agents}));
  public_routes.add(
      {"GET", "/contract/asyncapi.json", [document = make_asyncapi_document()](const HttpRequest&) {
         return HttpResponse{.body = document};
       }});
  public_routes.add({"GET", "/ws", [](const HttpRequest&) { return refuse_without_upgrade(); }});
  public_routes.add(make_health_route());
  public_routes.add({"GET", "/readyz", [this](const HttpRequest&) { return readiness(); }});
  public_routes.add(options.public_routes);
  if (options.dev && options.dev_key)
    public_routes.add({"POST", "/dev/token", [this](const HttpRequest& request) {
                         return give_dev_token(*options.dev_key, clock, request);
                       }});
  std::vector<HttpRoute> admin = options.admin_routes;
  if (options.audit_routes)
    for (HttpRoute& route : options.audit_routes(authorizer_of(authenticator, "auditor")))
      admin.push_back(std::move(route));
  if (options.service_routes)
    for (HttpRoute& route : options.service_routes(authorizer_of(authenticator, "service")))
      admin.push_back(std::move(route));
  admin.push_back(make_metrics_route(registry));
  const bool is_one_port = options.dev && !options.admin_listen;
  for (HttpRoute& route : make_audit_page_routes(is_one_port)) admin.push_back(std::move(route));
  admin_routes.add(admin);
  admin_routes.add(make_health_route());
  admin_routes.add({"GET", "/readyz", [this](const HttpRequest&) { return readiness(); }});
  if (is_one_port) public_routes.add(admin);
}

HttpResponse Gateway::Parts::readiness() {
  std::vector<std::string> reasons = feed->stopped_partitions();
  for (std::string& reason : inbound_lag.reasons(clock.monotonic()))
    reasons.push_back(std::move(reason));
  if (draining) reasons.emplace_back("gateway: draining");
  if (options.readiness) return options.readiness(std::move(reasons));
  return make_readiness(reasons, nlohmann::json::object());
}

UpgradeAnswer Gateway::Parts::refuse(HttpResponse response) {
  metrics.count_refused_handshake(response.status);
  return UpgradeAnswer{.subprotocol = {}, .session = nullptr, .refusal = std::move(response)};
}

UpgradeAnswer Gateway::Parts::upgrade(std::size_t shard, const UpgradeRequest& request) {
  if (const auto wait = connects.refuse(request.http.remote_address, clock.monotonic())) {
    HttpResponse refusal = http_error(429, "rate_limited", "too many connects from this address");
    refusal.headers.emplace_back(
        "Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(*wait).count()));
    return refuse(std::move(refusal));
  }
  auto handshake = judge_handshake(request, options.origins, hosts);
  if (!handshake) return refuse(std::move(handshake.error()));
  if (draining) return refuse(come_back(503, "overloaded", "the gateway stops"));
  std::optional<Identity> identity;
  if (handshake->token) {
    auto verified = authenticator.verify(*handshake->token);
    if (!verified) {
      if (!shards[shard]->journal->note(std::nullopt, AuthRefused{"token_invalid"}))
        metrics.connection_records_dropped.Increment();
      return refuse(refuse_token("the token " + verified.error().message));
    }
    identity = *std::move(verified);
  }
  std::string subprotocol = handshake->subprotocol;
  return UpgradeAnswer{
      .subprotocol = std::move(subprotocol),
      .session = std::make_shared<Session>(*shards[shard]->sessions, SessionId(++last_session),
                                           *std::move(handshake), std::move(identity)),
      .refusal = {}};
}

void Gateway::Parts::make_server() {
  std::vector<IoThread*> threads;
  for (const auto& shard : shards) threads.push_back(&shard->thread);
  server.emplace(
      std::move(threads), server_options(options),
      [this](std::size_t shard, const UpgradeRequest& request, int port) {
        if (port == kAdminPort) return refuse(http_error(404, "not_found", "no sockets here"));
        return upgrade(shard, request);
      },
      [this](const HttpRequest& request, int port, const HttpAnswer& answer) {
        (port == kAdminPort ? admin_routes : public_routes).serve(request, answer);
      });
}

Result<void> Gateway::Parts::listen() {
  listener_thread.start();
  const auto open = [this](const std::string& where, Port port) -> Result<std::string> {
    auto listener = Listener::open(
        listener_thread, where,
        [this, port](AcceptedSocket socket) {
          server->adopt(std::move(socket), port,
                        port == kPublicPort && options.tls ? Security::tls : Security::none);
        },
        [this](const std::string& why) {
          metrics.accept_failures.Increment();
          spdlog::warn("a connection was not accepted: {}", why);
        },
        options.limits.accepts_per_second);
    if (!listener) return tl::unexpected(listener.error());
    listeners.push_back(*std::move(listener));
    return listeners.back()->address();
  };
  const auto bound = open(options.listen, kPublicPort);
  if (!bound) return tl::unexpected(bound.error());
  address = *bound;
  if (options.admin_listen) {
    const auto admin = open(*options.admin_listen, kAdminPort);
    if (!admin) return tl::unexpected(admin.error());
    admin_address = *admin;
  } else if (options.dev) {
    admin_address = address;
  }
  for (const auto& listener : listeners) listener->start();
  return {};
}

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Gateway::~Gateway() {
  stop();
  if (parts_->callbacks.pending() == 0) return;
  // Whoever answers yet calls into these: they stay for as long as the process.
  static auto& given_up = *new std::vector<std::unique_ptr<Parts>>;
  given_up.push_back(std::move(parts_));
}

Result<std::unique_ptr<Gateway>> Gateway::start(event_store::EventLog& log,
                                                event_store::UserHistory* history,
                                                const Clock& clock, prometheus::Registry& registry,
                                                GatewayOptions options) {
  if (options.dev && !is_loopback(options.listen))
    return failure(
        Errc::bad_config,
        "--dev gives tokens to anybody, so it listens on loopback only, not on " + options.listen,
        "listen");
  std::unique_ptr<Gateway> gateway(
      new Gateway(std::make_unique<Parts>(log, clock, registry, std::move(options))));
  Parts& parts = *gateway->parts_;
  parts.make_shards();
  parts.make_feed(history);
  parts.make_routes(history);
  parts.make_server();
  if (const auto listening = parts.listen(); !listening) return tl::unexpected(listening.error());
  return gateway;
}

const std::string& Gateway::address() const { return parts_->address; }
const std::string& Gateway::admin_address() const { return parts_->admin_address; }
void Gateway::replace_tls(const std::shared_ptr<asio::ssl::context>& tls) {
  SIGNALBOX_ASSERT(parts_->options.tls != nullptr);
  parts_->server->replace_tls(tls);
}
void Gateway::replace_keys(KeySet keys) { parts_->authenticator.replace_keys(std::move(keys)); }
void Gateway::replace_revocations(Revocations revocations) {
  parts_->authenticator.replace_revocations(std::move(revocations));
}

void Gateway::replace_limits(const GatewayLimits& wanted) {
  Parts& parts = *parts_;
  const GatewayLimits limits = live_limits(wanted, parts.options.limits);
  parts.options.limits = limits;
  parts.clients.replace_limits(limits.sockets_per_user_max, limits.messages);
  parts.connects.replace_rate(limits.connects, parts.clock.monotonic());
  parts.inbound_lag.replace_limits(limits.inbound_lag);
  parts.server->replace_limits(limits.frame_bytes_max, limits.handshake, socket_limits(limits));
  for (const auto& shard : parts.shards)
    shard->thread.post([&own = shard->session_options, limits] { own.limits = limits; });
  parts.feed_thread.post([&feed = *parts.feed, limits] { feed.replace_limits(limits); });
  for (const auto& listener : parts.listeners) listener->replace_rate(limits.accepts_per_second);
}

void Gateway::drain(std::chrono::milliseconds grace) {
  Parts& parts = *parts_;
  if (parts.draining.exchange(true)) return;
  for (const auto& listener : parts.listeners) listener->close();
  // Each client has a slot of its own, so that the other gateways get them one after another.
  std::atomic<std::int64_t> slots{0};
  for (const auto& shard : parts.shards)
    shard->thread.run_and_wait([&] {
      shard->hub.for_each([&](StreamSink& session) {
        session.drain(
            std::chrono::milliseconds(slots++ * 1000 / parts.options.limits.reconnects_per_second));
      });
    });
  parts.feed->tell_positions();
  if (!wait_until(grace, [&] { return parts.server->connections() == 0; }))
    spdlog::warn("{} connections were left after {} ms", parts.server->connections(),
                 grace.count());
}

// Sockets end first, then the feed that serves them, then what they gave to the log, and only when
// nothing can call back any more, the threads.
void Gateway::stop() {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) return;
  if (!parts.draining.exchange(true))
    for (const auto& listener : parts.listeners) listener->close();
  if (parts.server) {
    parts.server->close_all(CloseCode::going_away, "the gateway stops");
    if (!wait_until(kCloseMax, [&] { return parts.server->connections() == 0; }))
      parts.server->cut_all();
  }
  if (parts.feed) parts.feed_thread.run_and_wait([&] { parts.feed->close(); });
  for (const auto& helper : parts.helpers) helper->finish();
  for (const auto& shard : parts.shards)
    shard->thread.run_and_wait([&] {
      if (shard->journal) shard->journal->stop();  // it stays: sockets may have outlived the wait
    });
  if (!wait_until(parts.options.answers_patience, [&] { return parts.callbacks.pending() == 0; }))
    spdlog::error("{} requests to the log are given up: they were not answered within {} ms",
                  parts.callbacks.pending(), parts.options.answers_patience.count());
  parts.listener_thread.finish();
  parts.feed_thread.finish();
  parts.history_thread.finish();
  for (const auto& shard : parts.shards) shard->thread.finish();
}

}  // namespace signalbox::gateway
