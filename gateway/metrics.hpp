// What a gateway counts, for /metrics. Counters and gauges are safe to use from any thread; paths
// that run per delivery add up first and count once per batch.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <array>
#include <string_view>

#include "event-store/log/validity_fold.hpp"
#include "event-store/model/result.hpp"
#include "gateway/close_codes.hpp"

namespace prometheus {
class Registry;
}

namespace signalbox::gateway {

// Lifetime: the registry's.
struct GatewayMetrics {
  explicit GatewayMetrics(prometheus::Registry& registry);

  prometheus::Gauge& connections;
  prometheus::Counter& connects;
  prometheus::Counter& client_frames;
  prometheus::Counter& acks;
  prometheus::Counter& append_failures;
  prometheus::Counter& frames_delivered;
  prometheus::Counter& events_read;
  prometheus::Gauge& partitions_read;
  prometheus::Counter& log_bytes_read;
  prometheus::Counter& slow_consumers;
  prometheus::Counter& sockets_fell_behind;
  prometheus::Gauge& sockets_pulling;
  prometheus::Counter& history_damaged;
  prometheus::Counter& partitions_stopped;
  prometheus::Gauge& partitions_unreadable;
  prometheus::Counter& caught_up_from_window;
  prometheus::Counter& caught_up_from_history;
  prometheus::Counter& caught_up_from_log;
  prometheus::Gauge& streams_asked;
  prometheus::Gauge& log_scans_waiting;
  prometheus::Gauge& inbound_lag_records;
  prometheus::Gauge& inbound_lag_seconds;
  prometheus::Gauge& history_requests;
  prometheus::Gauge& streams;
  prometheus::Gauge& followed_users;
  prometheus::Gauge& window_bytes;
  prometheus::Gauge& window_events;
  prometheus::Gauge& progress_bytes;
  prometheus::Counter& connection_records_dropped;
  prometheus::Counter& accept_failures;

  // Of one batch, also as events_read.
  void count_records(const std::array<std::size_t, event_store::kVerdictCount>& by_verdict);
  void count_error(Errc code);
  void count_close(CloseCode code);
  void count_refused_handshake(int status);

 private:
  std::array<prometheus::Counter*, event_store::kVerdictCount> records_;  // of events, by verdict
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Family<prometheus::Counter>& closes_;
  prometheus::Family<prometheus::Counter>& refused_;
};

}  // namespace signalbox::gateway
