#include "ops/cli/serve_metrics.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "ops/cli/config.hpp"

namespace signalbox::cli {

ServeMetrics::ServeMetrics(prometheus::Registry& registry, const ServeMetricsParts& parts)
    : registry_(registry) {
  if (parts.embedded != nullptr) add_log(*parts.embedded);
  if (parts.kafka != nullptr) add_kafka_log(*parts.kafka);
  if (parts.router != nullptr) add_router(parts.router->counters());
  if (parts.archive != nullptr) {
    add_archive(*parts.archive);
    add_anchors(*parts.archive, parts.clock);
  }
  if (parts.snapshots != nullptr)
    add_gauge("signalbox_snapshots_pending_bytes", "Snapshots that are not on disk yet",
              [store = parts.snapshots] { return static_cast<double>(store->pending_bytes()); });
  if (parts.travelling != nullptr) add_travelling(*parts.travelling);
  for (const auto& [name, thread] : parts.threads)
    add_gauge("signalbox_thread_queued_tasks", "Tasks posted to a thread and not yet begun",
              [thread = thread] { return static_cast<double>(thread->queued()); },
              {{"thread", name}});
  update();
}

void ServeMetrics::add_travelling(const event_store::TravellingSnapshotStore& store) {
  add_gauge("signalbox_snapshots_behind",
            "Offsets of the topic snapshots that are not here yet; NaN: not known yet", [&store] {
              const auto behind = store.behind();
              return behind ? static_cast<double>(*behind)
                            : std::numeric_limits<double>::quiet_NaN();
            });
  add_gauge("signalbox_snapshots_unsent_bytes", "Snapshots that are not in the log yet",
            [&store] { return static_cast<double>(store.outbox().bytes()); });
  add_counter("signalbox_snapshots_sent_total", "Snapshots written to the log",
              [&store] { return static_cast<double>(store.outbox().appended()); });
  const auto& counters = store.counters();
  add_counter("signalbox_snapshots_taken_total", "Snapshots of others taken from the log",
              [&counters] { return static_cast<double>(counters.taken); });
  add_counter("signalbox_snapshots_unusable_total",
              "Records of the topic snapshots that were damaged or belong elsewhere",
              [&counters] { return static_cast<double>(counters.refused); });
  add_counter("signalbox_snapshots_rewritten_total",
              "Snapshots written again because an older one landed behind them",
              [&counters] { return static_cast<double>(counters.rewritten); });
}

void ServeMetrics::show_limits(const Config& config) {
  static constexpr std::string_view kTable = "limits.";
  auto& family = prometheus::BuildGauge()
                     .Name("signalbox_limit")
                     .Help("What a limit is set to: a number, or seconds")
                     .Register(registry_);
  for (const auto& [key, entry] : config.entries()) {
    if (!entry.is_here || !key.starts_with(kTable)) continue;
    std::string shown = entry.setting.show();
    std::erase(shown, '"');
    const auto number = parse_integer(shown);
    const auto duration = parse_duration(shown);
    if (!number && !duration) continue;
    const double value =
        number ? static_cast<double>(*number) : std::chrono::duration<double>(*duration).count();
    family.Add({{"limit", key.substr(kTable.size())}}).Set(value);
  }
}

void ServeMetrics::add_gauge(const std::string& name, const std::string& help, Read read,
                             const prometheus::Labels& labels) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
  gauges_.push_back({family.Add(labels), std::move(read)});
}

void ServeMetrics::add_counter(const std::string& name, const std::string& help, Read read) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  counters_.push_back({family.Add({}), std::move(read)});
}

void ServeMetrics::add_queue(Read records, Read bytes) {
  add_gauge("signalbox_log_queue_records", "Appends that are not durable yet", std::move(records));
  add_gauge("signalbox_log_queue_bytes", "Bytes of appends that are not durable yet",
            std::move(bytes));
}

void ServeMetrics::add_log(const event_store::SqliteEventLog& log) {
  using Statistics = event_store::SqliteEventLogStatistics;
  const auto read = [&log](auto Statistics::*figure) {
    return [&log, figure] { return static_cast<double>(log.statistics().*figure); };
  };
  add_queue(read(&Statistics::queue_records), read(&Statistics::queue_bytes));
  add_gauge("signalbox_log_wal_bytes", "Length of the write-ahead log",
            read(&Statistics::wal_bytes));
  add_counter("signalbox_log_groups_total", "Groups committed and synced",
              read(&Statistics::groups));
  add_counter("signalbox_log_rows_total", "Records committed", read(&Statistics::rows));
  add_counter("signalbox_log_groups_refused_total", "Groups a full disk refused",
              read(&Statistics::groups_refused));
  add_counter("signalbox_log_checkpoints_total", "Moves of the write-ahead log into the file",
              read(&Statistics::checkpoints));
}

void ServeMetrics::add_kafka_log(const event_store::KafkaEventLog& log) {
  using Statistics = event_store::KafkaEventLogStatistics;
  const auto read = [&log](auto Statistics::*figure) {
    return [&log, figure] { return static_cast<double>(log.statistics().*figure); };
  };
  add_queue(read(&Statistics::queue_records), read(&Statistics::queue_bytes));
  add_gauge("signalbox_kafka_oldest_append_seconds", "How long the oldest append waits", [&log] {
    return std::chrono::duration<double>(log.statistics().oldest_append).count();
  });
  add_gauge("signalbox_kafka_partitions_followed", "Partitions read at their head",
            read(&Statistics::partitions_followed));
  add_counter("signalbox_kafka_appended_total", "Records the brokers have taken",
              read(&Statistics::appended));
  add_counter("signalbox_kafka_append_failures_total", "Appends reported as failed, or given up",
              read(&Statistics::append_failures));
  add_counter("signalbox_kafka_producers_rebuilt_total", "Producers made anew after an error",
              read(&Statistics::producers_rebuilt));
  add_counter("signalbox_kafka_fetched_records_total", "Records read at the head",
              read(&Statistics::records_fetched));
  add_counter("signalbox_kafka_fetched_bytes_total", "Bytes read at the head",
              read(&Statistics::bytes_fetched));
  add_counter("signalbox_kafka_read_records_total", "Records read behind the head",
              read(&Statistics::records_read));
  add_counter("signalbox_kafka_read_bytes_total", "Bytes read behind the head",
              read(&Statistics::bytes_read));
}

void ServeMetrics::add_router(const router::RouterCounters& counters) {
  const auto read = [&counters](auto router::RouterCounters::*figure) {
    return [&counters, figure] {
      return static_cast<double>((counters.*figure).load(std::memory_order_relaxed));
    };
  };
  using Counters = router::RouterCounters;
  add_counter("signalbox_router_commands_total", "Commands taken", read(&Counters::commands));
  add_counter("signalbox_router_events_total", "Events stated and read back as valid",
              read(&Counters::events));
  add_counter("signalbox_router_quarantined_total", "Records nobody may act on",
              read(&Counters::quarantined));
  add_counter("signalbox_router_runs_started_total", "Runs started", read(&Counters::runs_started));
  add_counter("signalbox_router_runs_ended_total", "Runs ended", read(&Counters::runs_ended));
  add_counter("signalbox_router_runs_resumed_total", "Runs taken over from another owner",
              read(&Counters::runs_resumed));
  add_counter("signalbox_router_terms_total", "Ownerships of partitions begun",
              read(&Counters::terms));
  add_counter("signalbox_router_resends_total", "Open lists sent again", read(&Counters::resends));
  add_counter("signalbox_router_events_refused_total",
              "Events that the log refused as larger than it takes", read(&Counters::refused));
  add_counter("signalbox_router_rebuilds_total", "Users folded again from the log",
              read(&Counters::rebuilds));
  add_gauge("signalbox_router_runs_open", "Runs with a supervisor", read(&Counters::runs_open));
  const auto add_state = [&](const char* name, const char* help,
                             std::atomic<std::uint64_t> router::UserStatesCounters::*figure) {
    add_counter(name, help, [&counters, figure] {
      return static_cast<double>((counters.states.*figure).load(std::memory_order_relaxed));
    });
  };
  using States = router::UserStatesCounters;
  add_state("signalbox_router_users_damaged_total",
            "Users whose history does not follow on; alarm at the first", &States::users_damaged);
  add_state("signalbox_router_snapshots_written_total", "Snapshots written",
            &States::snapshots_written);
  add_state("signalbox_router_snapshots_refused_total", "Snapshots that were not believed",
            &States::snapshots_refused);
  add_state("signalbox_router_snapshots_too_large_total",
            "Snapshots of users or partitions that were larger than they may be",
            &States::snapshots_too_large);
  add_state("signalbox_router_snapshots_dropped_total",
            "Snapshots not written because too much waited for the disk",
            &States::snapshots_dropped);
  add_state("signalbox_router_evictions_total", "User states put out of memory",
            &States::evictions);
  add_verdicts("router", [&counters](std::size_t verdict) {
    return static_cast<double>(counters.verdicts[verdict].load(std::memory_order_relaxed));
  });
}

void ServeMetrics::add_verdicts(const std::string& role, std::function<double(std::size_t)> read) {
  for (std::size_t i = 0; i < event_store::kVerdictCount; ++i)
    add_counter(
        "signalbox_" + role + "_records_" +
            std::string(event_store::to_text(static_cast<event_store::Verdict>(i))) + "_total",
        "Records of events the " + role + "'s fold judged so", [read, i] { return read(i); });
}

void ServeMetrics::add_archive(const event_store::ArchiveWriter& archive) {
  const auto sum = [&archive](auto event_store::ArchiveStatus::*figure) {
    return [&archive, figure] {
      double total = 0;
      for (const auto& status : archive.status()) total += static_cast<double>(status.*figure);
      return total;
    };
  };
  add_counter("signalbox_archive_events_total", "Events added to the archive",
              sum(&event_store::ArchiveStatus::events_added));
  add_counter("signalbox_archive_damages_total", "Breaks of users' chains met",
              sum(&event_store::ArchiveStatus::damages));
  add_gauge("signalbox_archive_partitions_stopped", "Partitions the archive cannot go on with now",
            [&archive] {
              return static_cast<double>(std::ranges::count_if(
                  archive.status(), [](const auto& status) { return status.trouble.has_value(); }));
            });
  add_verdicts("archive", [&archive](std::size_t verdict) {
    double total = 0;
    for (const auto& status : archive.status())
      total += static_cast<double>(status.verdicts[verdict]);
    return total;
  });
}

void ServeMetrics::add_anchors(const event_store::ArchiveWriter& archive, const Clock& clock) {
  using event_store::AnchorStatus;
  const auto over_all = [&archive](auto fold) {
    return [&archive, fold] {
      double figure = 0;
      for (const auto& status : archive.status()) fold(figure, status.anchors);
      return figure;
    };
  };
  const auto sum = [&over_all](auto AnchorStatus::*figure) {
    return over_all([figure](double& total, const AnchorStatus& anchors) {
      total += static_cast<double>(anchors.*figure);
    });
  };
  add_counter("signalbox_anchors_written_total", "Anchors written", sum(&AnchorStatus::written));
  add_counter("signalbox_anchors_failed_total", "Anchors that could not be written",
              sum(&AnchorStatus::failures));
  add_gauge("signalbox_anchors_contradicting_partitions",
            "Partitions whose log contradicts an anchor; alarm at the first",
            sum(&AnchorStatus::contradicts));
  add_gauge("signalbox_anchors_age_seconds", "Since the newest anchor of any partition; 0: none",
            [&archive, &clock] {
              std::optional<Timestamp> newest;
              for (const auto& status : archive.status())
                newest = std::max(newest, status.anchors.newest_at);
              if (!newest) return 0.0;
              return std::max(0.0, std::chrono::duration<double>(clock.now() - *newest).count());
            });
  add_gauge("signalbox_anchors_uncovered_seconds",
            "How long the oldest event without an anchor waits for one",
            over_all([&clock](double& oldest, const AnchorStatus& anchors) {
              if (!anchors.uncovered_since) return;
              const std::chrono::duration<double> age =
                  clock.monotonic() - *anchors.uncovered_since;
              oldest = std::max(oldest, age.count());
            }));
}

void ServeMetrics::update() {
  for (const CopiedGauge& copied : gauges_) copied.gauge.Set(copied.read());
  for (const CopiedCounter& copied : counters_)
    copied.counter.Increment(std::max(0.0, copied.read() - copied.counter.Value()));
}

}  // namespace signalbox::cli
