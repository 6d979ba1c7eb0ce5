#include "ops/cli/service.hpp"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <array>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "event-store/archive/archive.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/log/sqlite_event_log.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "gateway/gateway.hpp"
#include "gateway/key_watch.hpp"
#include "gateway/tls_context.hpp"
#include "ops/cli/role_thread.hpp"
#include "ops/cli/serve_metrics.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"
#include "replay/audit/audit_api.hpp"
#include "router/router.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::seconds kHousekeeping{1};
constexpr std::chrono::seconds kProgressLine{1};

// A part that lives on a thread: it is destroyed there.
template <class Part>
class Hosted {
 public:
  explicit Hosted(RoleThread& thread) : thread_(thread) {}
  ~Hosted() {
    thread_.run([this] { part_.reset(); });
  }
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;

  [[nodiscard]] std::unique_ptr<Part>& part() { return part_; }
  Part* operator->() { return part_.get(); }
  Part& operator*() { return *part_; }

 private:
  RoleThread& thread_;
  std::unique_ptr<Part> part_;
};

void warn(const std::string& sentence) { spdlog::warn("{}", sentence); }

std::string archive_folder(const ServeOptions& options) { return options.data + "/archive"; }

std::string anchor_folder(const ServeOptions& options) {
  return options.anchor_dir.value_or(options.data + "/anchors");
}

std::vector<Partition> all_partitions(std::int32_t count) {
  std::vector<Partition> all;
  for (std::int32_t i = 0; i < count; ++i) all.emplace_back(i);
  return all;
}

// Says how far a rebuild of the archive is, at most once a second; nothing where there is little.
class RebuildProgress {
 public:
  explicit RebuildProgress(const Clock& clock) : clock_(clock), said_at_(clock.monotonic()) {}
  void operator()(const event_store::ArchiveProgress& progress) {
    const bool is_due = clock_.monotonic() - said_at_ >= kProgressLine;
    if (!is_due && (progress.done < progress.total || !said_)) return;
    spdlog::info("archive: {} of {} records read", progress.done, progress.total);
    said_at_ = clock_.monotonic();
    said_ = true;
  }

 private:
  const Clock& clock_;
  MonotonicTime said_at_;
  bool said_ = false;
};

}  // namespace

// In the order they are made; threads come first because answers of the log may still be on their
// way to them when it closes.
struct Service::Parts {
  Parts() : log_random(system_random()), router_random(system_random()) {}

  Result<void> open_stores(const ServeOptions& options, const Alarms& alarms);
  Result<void> open_archive(const ServeOptions& options);
  Result<void> start_router(const ServeOptions& options, const Alarms& alarms);
  void make_audit(const ServeOptions& options);
  Result<void> start_gateway(const ServeOptions& options);
  void keep_house();

  SystemClock clock;
  Random log_random;
  Random router_random;
  prometheus::Registry registry;
  RoleThread router_thread{"router"};
  RoleThread archive_thread{"archive"};
  RoleThread history_thread{"history"};
  RoleThread audit_thread{"audit"};
  RoleThread audit_scan_thread{"audit-scan"};
  std::array<RoleThread, 2> verify_threads{RoleThread{"audit-verify-0"},
                                           RoleThread{"audit-verify-1"}};
  std::unique_ptr<event_store::SqliteEventLog> log;
  std::unique_ptr<event_store::SqliteSnapshotStore> snapshots;
  Hosted<event_store::ArchiveWriter> archive{archive_thread};
  std::optional<event_store::LocalUserHistory> history;
  std::optional<router::AgentRegistry> agents;
  Hosted<router::Router> router{router_thread};
  Hosted<ServeMetrics> metrics{archive_thread};
  std::optional<replay::AuditApi> audit;
  std::unique_ptr<gateway::Gateway> gateway;
  std::optional<std::pair<std::string, std::string>> tls_files;  // certificate and key
  std::unique_ptr<gateway::KeyWatch> key_watch;                  // none with dev
  TimerId housekeeping = TimerId::none;                          // on the archive's thread
};

Result<void> Service::Parts::open_stores(const ServeOptions& options, const Alarms& alarms) {
  event_store::SqliteEventLogOptions log_options = options.log;
  log_options.dir = options.data;
  if (options.partitions != 0) log_options.partitions = options.partitions;
  log_options.fatal = alarms.log_ended;
  auto opened = event_store::SqliteEventLog::open(std::move(log_options), clock, log_random);
  if (!opened) return tl::unexpected(opened.error());
  log = *std::move(opened);
  auto store = event_store::SqliteSnapshotStore::open(options.data + "/snapshots.db",
                                                      log->describe().log_id, {.warn = warn});
  if (!store) return tl::unexpected(store.error());
  snapshots = *std::move(store);
  return {};
}

Result<void> Service::Parts::open_archive(const ServeOptions& options) {
  const std::string folder = archive_folder(options);
  const std::int32_t partitions = log->describe().partitions;
  event_store::AnchorOptions anchor_options = options.anchors;
  anchor_options.folder = anchor_folder(options);
  if (!options.anchor_dir && !options.dev)
    warn("the anchors lie beside the log they speak of, in " + anchor_options.folder +
         ": whoever can change the one can remove the other; name a folder on another disk or host "
         "in audit.anchor_dir");
  auto anchors = event_store::Anchoring::open(options.data + "/anchor.key", log->describe().log_id,
                                              std::move(anchor_options));
  if (!anchors) return tl::unexpected(anchors.error());
  Result<void> opened;
  archive_thread.run([&] {
    auto writer = event_store::ArchiveWriter::open(
        *log, archive_thread, clock, folder, all_partitions(partitions),
        {.anchors = *std::move(anchors), .warn = warn, .progress = RebuildProgress(clock)});
    if (writer)
      archive.part() = *std::move(writer);
    else
      opened = tl::unexpected(writer.error());
  });
  if (!opened) return opened;
  history.emplace(folder, partitions, history_thread,
                  event_store::LocalUserHistoryOptions{
                      .on_damage = [this](Partition partition, const Error& error) {
                        archive->rebuild(partition, error.message);
                      }});
  return {};
}

Result<void> Service::Parts::start_router(const ServeOptions& options, const Alarms& alarms) {
  auto made =
      make_agents({.playbook = options.playbook,
                   .history = &*history,
                   .playbook_latency_scale = static_cast<double>(options.playbook_latency_scale)},
                  options.add_agents);
  if (!made) return tl::unexpected(made.error());
  agents.emplace(*std::move(made));
  router_thread.run([&] {
    router.part() = std::make_unique<router::Router>(
        router::RouterServices{*log, *snapshots, clock, router_thread, router_random, *agents},
        options.router, alarms.partition_stopped);
    router->start();
  });
  return {};
}

void Service::Parts::make_audit(const ServeOptions& options) {
  audit.emplace(replay::AuditSources{.log = *log,
                                     .data = options.data,
                                     .archive_folder = archive_folder(options),
                                     .anchor_folder = anchor_folder(options),
                                     .on_damage =
                                         [this](Partition partition, const Error& error) {
                                           archive->rebuild(partition, error.message);
                                         }},
                replay::AuditApi::Parts{audit_thread,
                                        audit_scan_thread,
                                        {&verify_threads[0], &verify_threads[1]},
                                        clock,
                                        system_random()},
                replay::AuditApi::Options{.source = "/signalbox/" +
                                                    log->describe().log_id.value().to_string() +
                                                    "/event-store/audit"});
}

Result<void> Service::Parts::start_gateway(const ServeOptions& options) {
  std::optional<gateway::TokenKey> dev_key;
  std::unique_ptr<gateway::KeyWatch> watch;
  if (options.dev) {
    auto loaded = gateway::load_dev_key(options.data + "/dev.key");
    if (!loaded) return tl::unexpected(loaded.error());
    dev_key = *std::move(loaded);
  } else {
    auto opened = gateway::KeyWatch::open({.jwks = options.jwks.value_or(""),
                                           .revoked_file = options.revoked_file.value_or(""),
                                           .ca_file = options.ca_file.value_or(""),
                                           .address_interval = options.refetch,
                                           .warn = warn});
    if (!opened) return tl::unexpected(opened.error());
    watch = *std::move(opened);
  }
  auto keys = watch ? Result<gateway::KeySet>(watch->keys()) : gateway::KeySet::make({*dev_key});
  if (!keys) return tl::unexpected(keys.error());
  std::shared_ptr<asio::ssl::context> tls;
  if (options.tls_certificate) {
    auto loaded = gateway::load_tls_context(*options.tls_certificate, *options.tls_key);
    if (!loaded) return tl::unexpected(loaded.error());
    tls = *std::move(loaded);
    tls_files = {*options.tls_certificate, *options.tls_key};
  }
  auto started = gateway::Gateway::start(
      *log, &*history, clock, registry,
      gateway::GatewayOptions{
          .listen = options.listen,
          .admin_listen =
              options.dev ? options.admin_listen : options.admin_listen.value_or(kAdminListen),
          .dev = options.dev,
          .shards = options.io_threads,
          .seed = system_random(),
          .agents = options.agents,
          .origins = options.origins,
          .connects_exempt = *gateway::parse_ranges(options.connects_exempt),
          .trusted_proxies = *gateway::parse_ranges(options.trusted_proxies),
          .tls = std::move(tls),
          .limits = options.limits,
          .keys = *std::move(keys),
          .tokens = options.tokens,
          .expiry_warning = options.expiry_warning,
          .dev_key = std::move(dev_key),
          .audit_routes =
              [this](const HttpAuthorizer& authorize) { return audit->routes(authorize); },
          .not_ready = [this] { return router->not_ready(); }});
  if (!started) return tl::unexpected(started.error());
  gateway = *std::move(started);
  if (!watch) return {};
  gateway->replace_revocations(watch->revocations());
  key_watch = std::move(watch);
  key_watch->start(
      [this](gateway::KeySet set) { gateway->replace_keys(std::move(set)); },
      [this](gateway::Revocations revoked) { gateway->replace_revocations(std::move(revoked)); });
  return {};
}

void Service::Parts::keep_house() {
  metrics->update();
  for (const auto& [partition, floor] : router->inbound_floors())
    log->set_inbound_floor(partition, floor);
  housekeeping =
      archive_thread.call_at(clock.monotonic() + kHousekeeping, [this] { keep_house(); });
}

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Service::~Service() {
  parts_->archive_thread.run([this] { parts_->archive_thread.cancel(parts_->housekeeping); });
  if (parts_->audit) parts_->audit->stop();  // its answers need the gateway
}

Result<std::unique_ptr<Service>> Service::start(const ServeOptions& options, Alarms alarms) {
  std::unique_ptr<Service> service(new Service(std::make_unique<Parts>()));
  Parts& parts = *service->parts_;
  if (auto done = parts.open_stores(options, alarms); !done) return tl::unexpected(done.error());
  if (auto done = parts.open_archive(options); !done) return tl::unexpected(done.error());
  if (auto done = parts.start_router(options, alarms); !done) return tl::unexpected(done.error());
  parts.make_audit(options);
  if (auto done = parts.start_gateway(options); !done) return tl::unexpected(done.error());
  parts.archive_thread.run([&parts, &options] {
    parts.metrics.part() = std::make_unique<ServeMetrics>(
        parts.registry, ServeMetricsParts{*parts.log,
                                          *parts.snapshots,
                                          *parts.archive,
                                          parts.clock,
                                          *parts.router,
                                          {{"router", &parts.router_thread},
                                           {"archive", &parts.archive_thread},
                                           {"history", &parts.history_thread},
                                           {"audit", &parts.audit_thread},
                                           {"audit-scan", &parts.audit_scan_thread},
                                           {"audit-verify-0", &parts.verify_threads[0]},
                                           {"audit-verify-1", &parts.verify_threads[1]}}});
    ServeOptions shown = options;
    parts.metrics.part()->add_limits(describe(shown));
    parts.keep_house();
  });
  return service;
}

const std::string& Service::address() const { return parts_->gateway->address(); }
const std::string& Service::admin_address() const { return parts_->gateway->admin_address(); }

std::vector<std::string> Service::not_ready() const { return parts_->router->not_ready(); }

void Service::reload() {
  if (parts_->key_watch) parts_->key_watch->reload();
  if (!parts_->tls_files) return;
  const auto loaded =
      gateway::load_tls_context(parts_->tls_files->first, parts_->tls_files->second);
  if (loaded)
    parts_->gateway->replace_tls(*loaded);
  else
    warn(loaded.error().message + "; the certificate that was read before stays in force");
}

void Service::drain(std::chrono::milliseconds grace) {
  parts_->gateway->drain(grace);
  // Shared with the router, which may finish after the wait was given up.
  const auto released = std::make_shared<std::promise<void>>();
  parts_->router_thread.post(
      [this, released] { parts_->router->drain([released] { released->set_value(); }); });
  if (released->get_future().wait_for(grace) != std::future_status::ready)
    spdlog::warn(
        "the partitions were not released in time; their next owner takes over as after "
        "a crash");
}

}  // namespace signalbox::cli
