#include "ops/watch/watch_metrics.hpp"

#include <string>

namespace signalbox::watch {
namespace {

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

// Seconds: what a stage takes on one machine, up to what a deadline allows.
const prometheus::Histogram::BucketBoundaries kStageBounds{
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};

}  // namespace

WatchMetrics::WatchMetrics(prometheus::Registry& registry)
    : success_ratio_(gauge(registry, "signalbox_watch_success_ratio",
                           "Probes of the window that succeeded, of all in it; 1 without any")),
      window_probes_(gauge(registry, "signalbox_watch_window_probes", "Probes of the window")),
      newest_success_(gauge(registry, "signalbox_watch_success_timestamp_seconds",
                            "When the newest probe that succeeded began; 0: none did")),
      succeeded_(prometheus::BuildCounter()
                     .Name("signalbox_watch_probes_succeeded_total")
                     .Help("Probes that passed every stage")
                     .Register(registry)
                     .Add({})) {
  success_ratio_.Set(1);
  auto& failed = prometheus::BuildCounter()
                     .Name("signalbox_watch_probes_failed_total")
                     .Help("Probes that failed, by the first stage not passed")
                     .Register(registry);
  auto& stages = prometheus::BuildHistogram()
                     .Name("signalbox_watch_stage_seconds")
                     .Help("connect, token, ready from the stage before; others from the sending")
                     .Register(registry);
  for (std::size_t i = 0; i < kStages; ++i) {
    const prometheus::Labels labels{{"stage", std::string(to_text(static_cast<Stage>(i)))}};
    failed_[i] = &failed.Add(labels);
    stages_[i] = &stages.Add(labels, kStageBounds);
  }
}

void WatchMetrics::add(const ProbeReport& report, const Standing& standing) {
  success_ratio_.Set(standing.success_ratio());
  window_probes_.Set(static_cast<double>(standing.probes));
  for (std::size_t i = 0; i < kStages; ++i)
    if (report.stages[i])
      stages_[i]->Observe(std::chrono::duration<double>(*report.stages[i]).count());
  if (report.failure) return failed_[static_cast<std::size_t>(report.failure->stage)]->Increment();
  succeeded_.Increment();
  newest_success_.Set(std::chrono::duration<double>(report.started.time_since_epoch()).count());
}

}  // namespace signalbox::watch
