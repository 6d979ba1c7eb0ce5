#include "ops/cli/service.hpp"

#include <spdlog/spdlog.h>

#include <future>
#include <thread>
#include <utility>

#include "gateway/tls_context.hpp"
#include "ops/cli/service_parts.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::seconds kHousekeeping{1};
// Then nobody should count on the log: two rounds of questions and what one may take (10 s).
constexpr std::chrono::seconds kSilence{15};
constexpr std::chrono::milliseconds kSnapshotsLook{10};
// For the router to say that its grace, of the same length, is over.
constexpr std::chrono::milliseconds kReleaseMargin{500};

}  // namespace

void Service::Parts::start_metrics(const ServeOptions& options) {
  archive_thread.run([this, &options] {
    metrics.part() = std::make_unique<ServeMetrics>(
        registry, ServeMetricsParts{.embedded = log->embedded(),
                                    .kafka = log->kafka(),
                                    .snapshots = travelling ? &travelling->file() : snapshots.get(),
                                    .travelling = travelling.get(),
                                    .archive = archive.get(),
                                    .clock = clock,
                                    .router = router.get(),
                                    .threads = {{"router", &router_thread},
                                                {"standby", &standby_thread},
                                                {"archive", &archive_thread},
                                                {"history", &history_thread},
                                                {"audit", &audit_thread},
                                                {"audit-scan", &audit_scan_thread},
                                                {"audit-verify-0", &verify_threads[0]},
                                                {"audit-verify-1", &verify_threads[1]}}});
    ServeOptions shown = options;
    metrics->show_limits(describe(shown));
    keep_house();
  });
}

void Service::Parts::watch_lags() {
  using Places = std::map<Partition, LagWatch::Place>;
  std::vector<LagWatch::Part> parts;
  if (router)
    parts.push_back(
        {"router", Topic::inbound, [this] {
           Places places;
           for (const auto& [partition, share] : router->shares())
             places.emplace(partition, LagWatch::Place{share.is_owned, share.inbound_next});
           return places;
         }});
  if (archive)
    parts.push_back({"event_store", Topic::events, [this] {
                       Places places;
                       for (const auto& [partition, next] : archived_to())
                         places.emplace(partition, LagWatch::Place{true, next});
                       return places;
                     }});
  if (!parts.empty() || log->embedded() == nullptr)
    lags.emplace(log->log(), clock, lag_thread, registry, std::move(parts));
}

void Service::Parts::keep_house() {
  metrics->update();
  // Kafka keeps inbound by time alone.
  if (router && log->embedded() != nullptr)
    for (const auto& [partition, floor] : router->inbound_floors())
      log->embedded()->set_inbound_floor(partition, floor);
  housekeeping =
      archive_thread.call_at(clock.monotonic() + kHousekeeping, [this] { keep_house(); });
}

std::vector<std::string> Service::Parts::not_ready() const {
  std::vector<std::string> reasons = log->not_ready();
  if (const auto silent = lags ? lags->silence() : std::chrono::milliseconds(0); silent >= kSilence)
    reasons.push_back("log: no broker has answered for " +
                      std::to_string(std::chrono::floor<std::chrono::seconds>(silent).count()) +
                      " s");
  if (router)
    for (std::string& reason : router->not_ready()) reasons.push_back(std::move(reason));
  if (archive && !roles.gateway)
    for (const event_store::ArchiveStatus& status : archive->status())
      if (status.trouble)
        reasons.push_back("archive of partition " + std::to_string(status.partition.value()) +
                          ": " + status.trouble->message);
  return reasons;
}

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Service::~Service() {
  parts_->archive_thread.run([this] { parts_->archive_thread.cancel(parts_->housekeeping); });
  // Their answers need the server.
  if (parts_->audit) parts_->audit->stop();
  if (parts_->history_api) parts_->history_api->stop();
}

Result<std::unique_ptr<Service>> Service::start(const ServeOptions& options, Alarms alarms) {
  std::unique_ptr<Service> service(new Service(std::make_unique<Parts>()));
  Parts& parts = *service->parts_;
  parts.roles = options.roles;
  if (auto done = parts.open_stores(options, alarms); !done) return tl::unexpected(done.error());
  if (options.roles.event_store)
    if (auto done = parts.open_archive(options); !done) return tl::unexpected(done.error());
  if (options.roles.router)
    if (auto done = parts.start_router(options, alarms); !done) return tl::unexpected(done.error());
  if (options.roles.event_store) parts.make_audit(options);
  parts.watch_lags();
  auto opened = options.roles.gateway ? parts.start_gateway(options) : parts.start_http(options);
  if (!opened) return tl::unexpected(opened.error());
  parts.start_metrics(options);
  return service;
}

const std::string& Service::address() const {
  return parts_->gateway ? parts_->gateway->address() : parts_->http->address();
}

std::vector<std::string> Service::not_ready() const { return parts_->not_ready(); }

void Service::reload() {
  if (parts_->key_watch) parts_->key_watch->reload();
  if (!parts_->tls_files) return;
  const auto loaded =
      gateway::load_tls_context(parts_->tls_files->first, parts_->tls_files->second);
  if (loaded)
    parts_->gateway->replace_tls(*loaded);
  else
    spdlog::warn("{}; the certificate that was read before stays in force", loaded.error().message);
}

void Service::replace_limits(const ServeOptions& options) {
  Parts& parts = *parts_;
  if (parts.gateway) parts.gateway->replace_limits(options.limits);
  if (parts.router)
    parts.router_thread.post([&router = *parts.router, limits = options.router.rules.limits,
                              started_runs_max = options.router.started_runs_max] {
      router.replace_limits(limits, started_runs_max);
    });
  parts.archive_thread.run([&] {
    ServeOptions shown = options;
    parts.metrics->show_limits(describe(shown));
  });
}

void Service::drain(std::chrono::milliseconds grace) {
  const MonotonicTime until = parts_->clock.monotonic() + grace;
  if (parts_->gateway) parts_->gateway->drain(grace);
  if (!parts_->router) return;
  // Shared with the router, which may finish after the wait was given up.
  const auto released = std::make_shared<std::promise<void>>();
  parts_->router_thread.post(
      [this, released] { parts_->router->drain([released] { released->set_value(); }); });
  if (released->get_future().wait_for(grace + kReleaseMargin) != std::future_status::ready)
    spdlog::warn(
        "the partitions were not released in time; their next owner takes over as after "
        "a crash");
  // The next owner folds less with the last ones.
  while (parts_->travelling && parts_->travelling->outbox().bytes() > 0 &&
         parts_->clock.monotonic() < until)
    std::this_thread::sleep_for(kSnapshotsLook);
}

}  // namespace signalbox::cli
