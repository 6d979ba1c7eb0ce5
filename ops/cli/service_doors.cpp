#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "gateway/caller.hpp"
#include "gateway/tls_context.hpp"
#include "gateway/web_pages.hpp"
#include "ops/cli/service_parts.hpp"

namespace signalbox::cli {

Result<void> Service::Parts::make_keys(const ServeOptions& options) {
  if (!options.dev) {
    auto opened = gateway::KeyWatch::open({.jwks = options.jwks.value_or(""),
                                           .revoked_file = options.revoked_file.value_or(""),
                                           .ca_file = options.ca_file.value_or(""),
                                           .address_interval = options.refetch,
                                           .warn = warn});
    if (!opened) return tl::unexpected(opened.error());
    key_watch = *std::move(opened);
    keys = key_watch->keys();
    return {};
  }
  if (log->kafka() != nullptr) {
    dev_key = gateway::dev_key_of(log->log().describe().log_id);
  } else {
    auto loaded = gateway::load_dev_key(options.data + "/dev.key");
    if (!loaded) return tl::unexpected(loaded.error());
    dev_key = *std::move(loaded);
  }
  auto set = gateway::KeySet::make({*dev_key});
  if (!set) return tl::unexpected(set.error());
  keys = *std::move(set);
  return {};
}

Result<void> Service::Parts::start_gateway(const ServeOptions& options) {
  if (auto made = make_keys(options); !made) return made;
  std::shared_ptr<asio::ssl::context> tls;
  if (options.tls_certificate) {
    auto loaded = gateway::load_tls_context(*options.tls_certificate, *options.tls_key);
    if (!loaded) return tl::unexpected(loaded.error());
    tls = *std::move(loaded);
    tls_files = {*options.tls_certificate, *options.tls_key};
  }
  event_store::UserHistory* older = history ? &*history : nullptr;
  if (!history) {
    auto remote =
        make_remote_history(options.event_stores, log->log().describe(), dev_key, clock, warn);
    if (!remote) return tl::unexpected(remote.error());
    remote_history = *std::move(remote);
    older = remote_history.get();
  }
  auto started = gateway::Gateway::start(
      log->log(), older, clock, registry,
      gateway::GatewayOptions{
          .listen = options.listen,
          .admin_listen =
              options.dev ? options.admin_listen : options.admin_listen.value_or(kAdminListen),
          .dev = options.dev,
          .shards = options.io_threads,
          .instance = instance_name(options, options.gateway_instance, "gateway"),
          .seed = system_random(),
          .agents = options.agents,
          .origins = options.origins,
          .connects_exempt = *gateway::parse_ranges(options.connects_exempt),
          .trusted_proxies = *gateway::parse_ranges(options.trusted_proxies),
          .tls = std::move(tls),
          .limits = options.limits,
          .keys = *keys,
          .tokens = options.tokens,
          .expiry_warning = options.expiry_warning,
          .dev_key = dev_key,
          .audit_routes =
              [this](const HttpAuthorizer& authorize) {
                return audit ? audit->routes(authorize) : std::vector<HttpRoute>();
              },
          .service_routes =
              [this](const HttpAuthorizer& authorize) {
                return history_api ? history_api->routes(authorize) : std::vector<HttpRoute>();
              },
          .readiness = [this](auto reasons) { return readiness(std::move(reasons)); }});
  if (!started) return tl::unexpected(started.error());
  gateway = *std::move(started);
  watch_keys();
  return {};
}

// Where there is no gateway: what a process tells of itself, and of an event store the audit.
Result<void> Service::Parts::start_http(const ServeOptions& options) {
  if (options.tls_certificate)
    warn(
        "[tls] is for the gateway's public port: this role answers without TLS, put it behind a "
        "proxy or in a network of its own");
  std::vector<HttpRoute> routes{
      gateway::make_health_route(),
      {"GET", "/readyz", [this](const HttpRequest&) { return readiness({}); }},
      gateway::make_metrics_route(registry)};
  if (audit) {
    if (auto made = make_keys(options); !made) return made;
    auditors.emplace(clock, *keys, options.tokens);
    for (HttpRoute& route : audit->routes(gateway::authorizer_of(*auditors, "auditor")))
      routes.push_back(std::move(route));
    for (HttpRoute& route : history_api->routes(gateway::authorizer_of(*auditors, "service")))
      routes.push_back(std::move(route));
    for (HttpRoute& route : gateway::make_audit_page_routes(false))
      routes.push_back(std::move(route));
    watch_keys();
  }
  auto started = gateway::HttpServer::start({.listen = options.listen, .dev = options.dev}, routes);
  if (!started) return tl::unexpected(started.error());
  http = *std::move(started);
  return {};
}

void Service::Parts::watch_keys() {
  if (!key_watch) return;
  const auto revoke = [this](gateway::Revocations revoked) {
    gateway ? gateway->replace_revocations(std::move(revoked))
            : auditors->replace_revocations(std::move(revoked));
  };
  revoke(key_watch->revocations());
  key_watch->start(
      [this](gateway::KeySet set) {
        gateway ? gateway->replace_keys(std::move(set)) : auditors->replace_keys(std::move(set));
      },
      revoke);
}

std::map<Partition, Offset> Service::Parts::archived_to() const {
  std::map<Partition, Offset> reached;
  for (const event_store::ArchiveStatus& status : archive->status())
    reached.emplace(status.partition, status.complete_to.next_offset);
  return reached;
}

HttpResponse Service::Parts::readiness(std::vector<std::string> reasons) const {
  for (std::string& reason : not_ready()) reasons.push_back(std::move(reason));
  nlohmann::json parts = nlohmann::json::object();
  // Unknown is null.
  const auto lag_of = [this](Topic topic, Partition partition, std::optional<Offset> next) {
    const auto lag = lags ? lags->lag({topic, partition}, next) : std::nullopt;
    return lag ? nlohmann::json(*lag) : nlohmann::json();
  };
  if (router) {
    nlohmann::json& partitions = parts["router"]["partitions"] = nlohmann::json::object();
    for (const auto& [partition, share] : router->shares())
      partitions[std::to_string(partition.value())] = {
          {"owned", share.is_owned},
          {"inbound_next",
           share.inbound_next ? nlohmann::json(share.inbound_next->value()) : nlohmann::json()},
          {"lag", lag_of(Topic::inbound, partition, share.inbound_next)}};
  }
  if (archive) {
    nlohmann::json& partitions = parts["event_store"]["partitions"] = nlohmann::json::object();
    for (const event_store::ArchiveStatus& status : archive->status()) {
      const Offset next = status.complete_to.next_offset;
      partitions[std::to_string(status.partition.value())] = {
          {"complete_to", next.value()},
          {"lag", lag_of(Topic::events, status.partition, next)},
          {"trouble", status.trouble ? nlohmann::json(status.trouble->message) : nlohmann::json()}};
    }
  }
  return gateway::make_readiness(reasons, std::move(parts));
}

}  // namespace signalbox::cli
