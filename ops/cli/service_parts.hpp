// ServiceParts: what a Service is made of, those of its roles only; private to service*.cpp. In the
// order they are made; threads come first because answers of the log may still be on their way to
// them when it closes. Threads and lifetime: the Service's.
#pragma once

#include <prometheus/registry.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event-store/archive/archive.hpp"
#include "event-store/archive/archive_reader.hpp"
#include "event-store/archive/user_history_api.hpp"
#include "event-store/snapshot/sqlite_snapshot_store.hpp"
#include "event-store/snapshot/travelling_snapshot_store.hpp"
#include "gateway/gateway.hpp"
#include "gateway/http_server.hpp"
#include "gateway/key_watch.hpp"
#include "ops/cli/hosted.hpp"
#include "ops/cli/lag_watch.hpp"
#include "ops/cli/serve_metrics.hpp"
#include "ops/cli/service.hpp"
#include "ops/cli/service_log.hpp"
#include "ops/cli/system_clock.hpp"
#include "ops/cli/system_random.hpp"
#include "replay/audit/audit_api.hpp"
#include "router/router.hpp"

namespace signalbox::cli {

// Of a part, in the process's log.
void warn(const std::string& sentence);

struct Service::Parts {
  Parts()
      : log_random(system_random()),
        router_random(system_random()),
        standby_random(system_random()) {}

  // service_stores.cpp
  Result<void> open_stores(const ServeOptions& options, const Alarms& alarms);
  Result<void> open_snapshots(const ServeOptions& options);
  Result<void> open_archive(const ServeOptions& options);
  Result<void> start_router(const ServeOptions& options, const Alarms& alarms);
  void make_audit(const ServeOptions& options);
  // service_doors.cpp
  Result<void> make_keys(const ServeOptions& options);
  Result<void> start_gateway(const ServeOptions& options);
  Result<void> start_http(const ServeOptions& options);
  void watch_keys();
  // What /readyz answers: `reasons` and those of this process, and where its parts stand. Any
  // thread.
  [[nodiscard]] HttpResponse readiness(std::vector<std::string> reasons) const;
  [[nodiscard]] std::map<Partition, Offset> archived_to() const;
  // service.cpp
  void start_metrics(const ServeOptions& options);
  void keep_house();
  void watch_lags();
  // Reasons of this process beside those the gateway knows. Any thread.
  [[nodiscard]] std::vector<std::string> not_ready() const;

  Roles roles;  // set before anything else is made
  SystemClock clock;
  Random log_random;
  Random router_random;
  Random standby_random;
  prometheus::Registry registry;
  RoleThread router_thread{"router"};
  RoleThread standby_thread{"standby"};
  RoleThread archive_thread{"archive"};
  RoleThread history_thread{"history"};
  RoleThread audit_thread{"audit"};
  RoleThread audit_scan_thread{"audit-scan"};
  RoleThread lag_thread{"lag"};
  std::array<RoleThread, 2> verify_threads{RoleThread{"audit-verify-0"},
                                           RoleThread{"audit-verify-1"}};
  std::unique_ptr<ServiceLog> log;
  std::unique_ptr<event_store::SqliteSnapshotStore> snapshots;              // of one process, or
  Hosted<event_store::TravellingSnapshotStore> travelling{standby_thread};  // of a cluster
  Hosted<event_store::ArchiveWriter> archive{archive_thread};
  std::set<Partition> kept_here;                     // by the archive
  std::optional<replay::KnownAnchorKey> anchor_key;  // that its anchors are signed with
  std::optional<event_store::LocalUserHistory> history;
  std::optional<event_store::UserHistoryApi> history_api;
  std::unique_ptr<event_store::RemoteUserHistory> remote_history;  // of a gateway without `history`
  std::optional<router::AgentRegistry> agents;
  Hosted<router::Router> router{router_thread};
  Hosted<ServeMetrics> metrics{archive_thread};
  std::optional<LagWatch> lags;
  std::optional<replay::AuditApi> audit;
  std::optional<gateway::TokenKey> dev_key;                      // with dev
  std::optional<gateway::KeySet> keys;                           // those there were at the start
  std::optional<gateway::Authenticator> auditors;                // without a gateway
  std::unique_ptr<gateway::Gateway> gateway;                     // or
  std::unique_ptr<gateway::HttpServer> http;                     // what answers instead of one
  std::optional<std::pair<std::string, std::string>> tls_files;  // certificate and key
  std::unique_ptr<gateway::KeyWatch> key_watch;                  // none with dev
  TimerId housekeeping = TimerId::none;                          // on the archive's thread
};

}  // namespace signalbox::cli
