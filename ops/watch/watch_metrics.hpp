// WatchMetrics: the figures of a watch in a Prometheus registry, which outlives it. Thread: one
// writes; the registry may be read from any.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

#include "ops/watch/judge.hpp"
#include "ops/watch/probe.hpp"

namespace signalbox::watch {

class WatchMetrics {
 public:
  explicit WatchMetrics(prometheus::Registry& registry);
  WatchMetrics(const WatchMetrics&) = delete;
  WatchMetrics& operator=(const WatchMetrics&) = delete;

  void add(const ProbeReport& report, const Standing& standing);

 private:
  prometheus::Gauge& success_ratio_;
  prometheus::Gauge& window_probes_;
  prometheus::Gauge& newest_success_;
  prometheus::Counter& succeeded_;
  std::array<prometheus::Counter*, kStages> failed_{};
  std::array<prometheus::Histogram*, kStages> stages_{};
};

}  // namespace signalbox::watch
