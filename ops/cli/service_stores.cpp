#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "event-store/log/event_log_history.hpp"
#include "event-store/log/log_reader.hpp"
#include "ops/cli/service_parts.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::seconds kProgressLine{1};
// Of the ids in a partition's snapshot that has to fit a record.
constexpr std::size_t kTravellingIdsMax = std::size_t{512} << 10;

std::string archive_folder(const ServeOptions& options) { return options.data + "/archive"; }

std::string anchor_folder(const ServeOptions& options) {
  return options.anchor_dir.value_or(options.data + "/anchors");
}

// What auditors read for long, beside the process's own log: they delay nobody there.
event_store::OpenHistory history_opener(const ServeOptions& options) {
  if (options.kafka.brokers.empty())
    return [data = options.data] { return event_store::open_file_history(data); };
  return [kafka = options.kafka] {
    Random random(system_random());
    return event_store::open_kafka_history(kafka, SystemClock(), random);
  };
}

Result<std::vector<Partition>> kept_partitions(const ServeOptions& options, std::int32_t count) {
  std::vector<Partition> kept = options.archived;
  if (kept.empty())
    for (std::int32_t p = 0; p < count; ++p) kept.emplace_back(p);
  if (kept.back().value() < count) return kept;
  return failure(Errc::bad_config,
                 "event_store.partitions names partition " + std::to_string(kept.back().value()) +
                     ", and the log has 0 to " + std::to_string(count - 1),
                 "event_store.partitions");
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

void warn(const std::string& sentence) { spdlog::warn("{}", sentence); }

Result<void> Service::Parts::open_stores(const ServeOptions& options, const Alarms& alarms) {
  auto opened = ServiceLog::open(options, clock, log_random, alarms.log_ended);
  if (!opened) return tl::unexpected(opened.error());
  log = *std::move(opened);
  return options.roles.router ? open_snapshots(options) : Result<void>();
}

Result<void> Service::Parts::open_snapshots(const ServeOptions& options) {
  const std::string path = options.data + "/snapshots.db";
  if (log->kafka() != nullptr) {
    auto store = event_store::TravellingSnapshotStore::open(
        path, log->log(), standby_thread, clock, standby_random,
        {.instance = instance_name(options, options.router_instance, "router"), .warn = warn});
    if (!store) return tl::unexpected(store.error());
    travelling.part() = *std::move(store);
    standby_thread.run([this] { travelling->start(); });
    return {};
  }
  auto store =
      event_store::SqliteSnapshotStore::open(path, log->log().describe().log_id, {.warn = warn});
  if (!store) return tl::unexpected(store.error());
  snapshots = *std::move(store);
  return {};
}

Result<void> Service::Parts::open_archive(const ServeOptions& options) {
  const event_store::LogDescription description = log->log().describe();
  const std::string folder = archive_folder(options);
  const std::int32_t partitions = description.partitions;
  const auto kept = kept_partitions(options, partitions);
  if (!kept) return tl::unexpected(kept.error());
  event_store::AnchorOptions anchor_options = options.anchors;
  anchor_options.folder = anchor_folder(options);
  if (!options.anchor_dir && !options.dev)
    warn("the anchors lie beside the log they speak of, in " + anchor_options.folder +
         ": whoever can change the one can remove the other; name a folder on another disk or host "
         "in audit.anchor_dir");
  auto anchors = event_store::Anchoring::open(options.data + "/anchor.key", description.log_id,
                                              std::move(anchor_options));
  if (!anchors) return tl::unexpected(anchors.error());
  anchor_key = {
      .key = {event_store::anchor_key_name(description.log_id), anchors->key.public_key()},
      .source = "the one this service signs with"};
  Result<void> opened;
  archive_thread.run([&] {
    auto writer = event_store::ArchiveWriter::open(log->log(), archive_thread, clock, folder, *kept,
                                                   {.seed = system_random(),
                                                    .anchors = *std::move(anchors),
                                                    .warn = warn,
                                                    .progress = RebuildProgress(clock)});
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
  kept_here = {kept->begin(), kept->end()};
  history_api.emplace(*history, log->log().describe(), history_thread,
                      event_store::UserHistoryApiOptions{.kept = kept_here});
  return {};
}

Result<void> Service::Parts::start_router(const ServeOptions& options, const Alarms& alarms) {
  auto made =
      make_agents({.playbook = options.playbook,
                   .history = history ? &*history : nullptr,
                   .playbook_latency_scale = static_cast<double>(options.playbook_latency_scale)},
                  options.add_agents);
  if (!made && options.playbook && made.error().message.starts_with(*options.playbook))
    return failure(made.error().code, "playbook: " + made.error().message, "playbook");
  if (!made) return tl::unexpected(made.error());
  agents.emplace(*std::move(made));
  router::RouterOptions of_router = options.router;
  of_router.instance = instance_name(options, options.router_instance, "router");
  event_store::SnapshotStore* store = snapshots.get();
  // Beside the lock of an embedded log there is no other owner.
  if (log->embedded() != nullptr) of_router.release_patience = std::chrono::milliseconds(0);
  if (travelling) {
    store = &*travelling;
    of_router.states.open_users_bytes_max =
        std::min(of_router.states.open_users_bytes_max, kTravellingIdsMax);
  }
  router_thread.run([&] {
    router.part() = std::make_unique<router::Router>(
        router::RouterServices{log->log(), *store, clock, router_thread, router_random, *agents},
        of_router, alarms.partition_stopped);
    router->start();
  });
  return {};
}

void Service::Parts::make_audit(const ServeOptions& options) {
  audit.emplace(replay::AuditSources{.log = log->log(),
                                     .open_history = history_opener(options),
                                     .archive_folder = archive_folder(options),
                                     .anchor_folder = anchor_folder(options),
                                     .snapshots = options.data + "/snapshots.db",
                                     .anchor_key = anchor_key,
                                     .kept = kept_here,
                                     .on_damage =
                                         [this](Partition partition, const Error& error) {
                                           archive->rebuild(partition, error.message);
                                         }},
                replay::AuditApi::Parts{audit_thread,
                                        audit_scan_thread,
                                        {&verify_threads[0], &verify_threads[1]},
                                        clock,
                                        system_random()},
                replay::AuditApi::Options{
                    .source = "/signalbox/" + log->log().describe().log_id.value().to_string() +
                              "/event-store/audit"});
}

}  // namespace signalbox::cli
