#include "gateway/feed.hpp"

#include <chrono>
#include <utility>

namespace signalbox::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};
// A page of a catch-up from the window takes about as long.
constexpr std::chrono::microseconds kAskedSlice{500};

// What all partitions keep together, for the gauges.
struct FeedSize {
  std::size_t partitions = 0;
  std::size_t bytes = 0;
  std::size_t events = 0;
  std::size_t progress_bytes = 0;
  std::size_t streams = 0;
  std::size_t users = 0;

  void add(const PartitionFeed& one) {
    ++partitions;
    bytes += one.window().bytes();
    events += one.window().size();
    progress_bytes += one.progress_bytes();
    streams += one.streams();
    users += one.users();
  }
  void show(GatewayMetrics& metrics) const {
    metrics.partitions_read.Set(static_cast<double>(partitions));
    metrics.window_bytes.Set(static_cast<double>(bytes));
    metrics.window_events.Set(static_cast<double>(events));
    metrics.progress_bytes.Set(static_cast<double>(progress_bytes));
    metrics.streams.Set(static_cast<double>(streams));
    metrics.followed_users.Set(static_cast<double>(users));
  }
};

}  // namespace

Feed::Feed(Parts parts)
    : executor_(parts.executor),
      jobs_(parts.executor, std::move(parts.helpers), parts.limits.log_scans_waiting_max),
      scans_(parts.log, jobs_, parts.executor, parts.limits.log_scans_waiting_max),
      posts_(parts.executor, parts.shards),
      parts_{parts.log,
             parts.history,
             parts.executor,
             parts.clock,
             jobs_,
             scans_,
             posts_,
             std::move(parts.shards),
             std::move(parts.make_frame),
             parts.metrics,
             parts.callbacks,
             parts.inbound_lag,
             parts.random,
             parts.limits,
             parts.log.describe()} {}

void Feed::open() {
  partitions_.resize(static_cast<std::size_t>(parts_.description.partitions));
  tick();
}

void Feed::close() {
  executor_.cancel(timer_);
  asked_.clear();
  partitions_.clear();
  jobs_.close();
  posts_.flush();
}

PartitionFeed* Feed::find(Partition partition) {
  const auto index = static_cast<std::size_t>(partition.value());
  return index < partitions_.size() ? partitions_[index].get() : nullptr;
}

PartitionFeed* Feed::find_or_begin(Partition partition) {
  const auto index = static_cast<std::size_t>(partition.value());
  if (index >= partitions_.size()) return nullptr;
  auto& found = partitions_[index];
  if (!found) found = std::make_unique<PartitionFeed>(parts_, partition, last_channel_);
  return found.get();
}

void Feed::tick() {
  const MonotonicTime now = parts_.clock.monotonic();
  FeedSize size;
  std::vector<std::string> stopped;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i] && partitions_[i]->is_idle(now)) partitions_[i].reset();
    if (!partitions_[i]) continue;
    PartitionFeed& one = *partitions_[i];
    one.trim();
    size.add(one);
    if (one.stopped())
      stopped.push_back("partition " + std::to_string(i) + ": " + one.stopped()->message);
  }
  parts_.metrics.partitions_unreadable.Set(static_cast<double>(stopped.size()));
  {
    const std::lock_guard lock(mutex_);
    stopped_ = std::move(stopped);
  }
  size.show(parts_.metrics);
  parts_.metrics.streams_asked.Set(static_cast<double>(asked_.size()));
  const InboundLag::Lag lag = parts_.inbound_lag.worst(now);
  parts_.metrics.inbound_lag_records.Set(static_cast<double>(lag.records));
  parts_.metrics.inbound_lag_seconds.Set(std::chrono::duration<double>(lag.age).count());
  parts_.metrics.log_scans_waiting.Set(static_cast<double>(jobs_.waiting() + scans_.waiting()));
  timer_ = executor_.call_at(now + kTick, [this] { tick(); });
}

void Feed::ask(Task task) {
  executor_.post([this, task = std::move(task)]() mutable {
    asked_.push_back(std::move(task));
    serve_asked_later();
  });
}

// Not here and now: more of them may be in line for the executor, and events behind those.
void Feed::serve_asked_later() {
  if (asked_.empty() || std::exchange(serving_, true)) return;
  executor_.post([this] { serve_asked(); });
}

void Feed::serve_asked() {
  serving_ = false;
  const MonotonicTime until = parts_.clock.monotonic() + kAskedSlice;
  while (!asked_.empty() && parts_.clock.monotonic() < until) {
    const Task task = std::move(asked_.front());
    asked_.pop_front();
    // The others are served even if this one throws.
    serve_asked_later();
    task();
  }
}

void Feed::follow(StreamTicket ticket, StreamRequest request) {
  ask([this, ticket, request = std::move(request)]() mutable {
    if (PartitionFeed* const found = find_or_begin(ticket.partition))
      found->follow(ticket, std::move(request));
  });
}

void Feed::more(StreamTicket ticket) {
  ask([this, ticket] {
    if (PartitionFeed* const found = find(ticket.partition)) found->more(ticket);
  });
}

void Feed::unfollow(Partition of, SessionId session) {
  ask([this, of, session] {
    if (PartitionFeed* const found = find(of)) found->unfollow(session);
  });
}

void Feed::keep_reading(Partition partition) {
  ask([this, partition] {
    if (PartitionFeed* const found = find_or_begin(partition)) found->stay();
  });
}

void Feed::tell_positions() {
  ask([this] {
    for (const auto& one : partitions_)
      if (one) one->tell_positions();
  });
}

void Feed::run_aside(std::function<Task()> work, Task dropped) {
  executor_.post([this, work = std::move(work), dropped = std::move(dropped)]() mutable {
    jobs_.submit(std::move(work), std::move(dropped));
  });
}

void Feed::scan(event_store::LogScan scan, SharedScans::Take take, Task refused) {
  executor_.post([this, scan = std::move(scan), take = std::move(take),
                  refused = std::move(refused)]() mutable {
    scans_.submit(std::nullopt, std::move(scan), std::move(take), std::move(refused));
  });
}

std::vector<std::string> Feed::stopped_partitions() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

}  // namespace signalbox::gateway
