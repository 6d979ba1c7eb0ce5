#include "gateway/metrics.hpp"

#include <prometheus/registry.h>

#include <string>

namespace signalbox::gateway {
namespace {

prometheus::Family<prometheus::Counter>& family(prometheus::Registry& registry,
                                                const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name("signalbox_gateway_" + name).Help(help).Register(registry);
}
prometheus::Counter& counter(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const prometheus::Labels& labels = {}) {
  return family(registry, name, help).Add(labels);
}
prometheus::Gauge& gauge(prometheus::Registry& registry, const std::string& name,
                         const std::string& help) {
  return prometheus::BuildGauge()
      .Name("signalbox_gateway_" + name)
      .Help(help)
      .Register(registry)
      .Add({});
}

std::array<prometheus::Counter*, event_store::kVerdictCount> record_counters(
    prometheus::Registry& registry) {
  std::array<prometheus::Counter*, event_store::kVerdictCount> counters{};
  for (std::size_t i = 0; i < counters.size(); ++i)
    counters[i] =
        &counter(registry,
                 "records_" + std::string(to_text(static_cast<event_store::Verdict>(i))) + "_total",
                 "Records of events the gateway's fold judged so");
  return counters;
}

}  // namespace

GatewayMetrics::GatewayMetrics(prometheus::Registry& r)
    : connections(gauge(r, "connections", "Open WebSockets")),
      connects(counter(r, "connects_total", "WebSockets opened")),
      client_frames(counter(r, "client_frames_total", "Text frames received")),
      acks(counter(r, "acks_total", "Commands acknowledged as durable")),
      append_failures(counter(r, "append_failures_total", "Commands the log did not take")),
      frames_delivered(counter(r, "frames_delivered_total", "Live frames given to sockets")),
      events_read(counter(r, "events_read_total", "Valid events read")),
      partitions_read(
          gauge(r, "partitions_read", "Partitions that are read, as their users are here")),
      log_bytes_read(counter(r, "log_bytes_read_total", "Bytes of events and progress tailed")),
      slow_consumers(counter(r, "slow_consumers_total", "Sockets closed as too slow")),
      sockets_fell_behind(counter(r, "sockets_fell_behind_total",
                                  "Times a socket read too slowly and turned to pull mode")),
      sockets_pulling(gauge(r, "sockets_pulling", "Sockets that read too slowly to be live")),
      history_damaged(counter(r, "history_damaged_total", "Breaks in a user's chain of events")),
      partitions_stopped(
          counter(r, "partitions_stopped_total", "Times a partition could not be read on")),
      partitions_unreadable(
          gauge(r, "partitions_unreadable", "Partitions that cannot be read now")),
      caught_up_from_window(counter(r, "catch_up_pages_total", "Pages of missed events, by source",
                                    {{"source", "window"}})),
      caught_up_from_history(counter(r, "catch_up_pages_total", "Pages of missed events, by source",
                                     {{"source", "history"}})),
      caught_up_from_log(counter(r, "catch_up_pages_total", "Pages of missed events, by source",
                                 {{"source", "log"}})),
      streams_asked(gauge(r, "streams_asked", "What sockets asked of the feed and was not begun")),
      log_scans_waiting(gauge(r, "log_scans_waiting", "Scans of the log that wait for their turn")),
      inbound_lag_records(gauge(r, "inbound_lag_records",
                                "Acknowledged records no router has decided yet, of the "
                                "partition that has most")),
      inbound_lag_seconds(gauge(r, "inbound_lag_seconds",
                                "How long the oldest of them has waited, of all partitions")),
      history_requests(
          gauge(r, "history_requests", "Requests for history or threads not yet answered")),
      streams(gauge(r, "streams", "Streams of events that are served")),
      followed_users(gauge(r, "followed_users", "Users whose events are served to somebody")),
      window_bytes(gauge(r, "window_bytes", "Recent events kept in memory, bytes")),
      window_events(gauge(r, "window_events", "Recent events kept in memory")),
      progress_bytes(gauge(r, "progress_bytes", "Pieces of open runs kept in memory, bytes")),
      connection_records_dropped(
          counter(r, "connection_records_dropped_total", "Facts about sockets not written")),
      accept_failures(counter(r, "accept_failures_total", "Connections that were not accepted")),
      records_(record_counters(r)),
      errors_(family(r, "errors_total", "Error frames sent, by code")),
      closes_(family(r, "closes_total", "Sockets closed, by close code")),
      refused_(family(r, "refused_handshakes_total", "Handshakes refused, by HTTP status")) {}

void GatewayMetrics::count_records(
    const std::array<std::size_t, event_store::kVerdictCount>& by_verdict) {
  for (std::size_t i = 0; i < by_verdict.size(); ++i)
    if (by_verdict[i] > 0) records_[i]->Increment(static_cast<double>(by_verdict[i]));
  const std::size_t valid = by_verdict[static_cast<std::size_t>(event_store::Verdict::valid)];
  if (valid > 0) events_read.Increment(static_cast<double>(valid));
}

void GatewayMetrics::count_error(Errc code) {
  errors_.Add({{"code", std::string(to_text(code))}}).Increment();
}

void GatewayMetrics::count_close(CloseCode code) {
  closes_.Add({{"code", std::to_string(number(code))}}).Increment();
}

void GatewayMetrics::count_refused_handshake(int status) {
  refused_.Add({{"status", std::to_string(status)}}).Increment();
}

}  // namespace signalbox::gateway
