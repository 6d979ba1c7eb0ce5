#include "gateway/feed.hpp"

#include <utility>

namespace signalbox::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};

}  // namespace

Result<std::vector<PartitionStart>> find_partition_starts(event_store::EventLog& log) {
  std::vector<PartitionStart> starts;
  for (std::int32_t i = 0; i < log.describe().partitions; ++i) {
    auto events = event_store::find_start_position(log, Partition(i));
    // A row that is not what was written stops its partition alone, which is then read from its
    // beginning up to that row: from there on the feed tells about it and tries again.
    if (!events && events.error().code == Errc::corrupt) events = event_store::Position{};
    if (!events) return tl::unexpected(events.error());
    const auto progress = log.bounds({Topic::progress, Partition(i)});
    if (!progress) return tl::unexpected(progress.error());
    starts.push_back({*events, progress->end});
  }
  return starts;
}

Result<std::vector<Offset>> find_inbound_ends(event_store::EventLog& log) {
  std::vector<Offset> ends;
  for (std::int32_t i = 0; i < log.describe().partitions; ++i) {
    const auto inbound = log.bounds({Topic::inbound, Partition(i)});
    if (!inbound) return tl::unexpected(inbound.error());
    ends.push_back(inbound->end);
  }
  return ends;
}

Feed::Feed(Parts parts)
    : executor_(parts.executor),
      scans_(parts.executor, std::move(parts.helpers), parts.limits.log_scans_waiting_max),
      posts_(parts.executor, parts.shards),
      parts_{parts.log,
             parts.history,
             parts.executor,
             parts.clock,
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

void Feed::open(const std::vector<PartitionStart>& starts) {
  for (std::size_t i = 0; i < starts.size(); ++i)
    partitions_.push_back(std::make_unique<PartitionFeed>(
        parts_, Partition(static_cast<std::int32_t>(i)), starts[i], last_channel_));
  tick();
}

void Feed::close() {
  executor_.cancel(timer_);
  partitions_.clear();
  scans_.close();
  posts_.flush();
}

PartitionFeed* Feed::partition(Partition partition) {
  const auto index = static_cast<std::size_t>(partition.value());
  return index < partitions_.size() ? partitions_[index].get() : nullptr;
}

void Feed::tick() {
  std::size_t bytes = 0;
  std::size_t events = 0;
  std::size_t progress_bytes = 0;
  std::size_t streams = 0;
  std::size_t users = 0;
  std::vector<std::string> stopped;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    PartitionFeed& one = *partitions_[i];
    one.trim();
    bytes += one.window().bytes();
    events += one.window().size();
    progress_bytes += one.progress_bytes();
    streams += one.streams();
    users += one.users();
    if (one.stopped())
      stopped.push_back("partition " + std::to_string(i) + ": " + one.stopped()->message);
  }
  parts_.metrics.partitions_unreadable.Set(static_cast<double>(stopped.size()));
  {
    const std::lock_guard lock(mutex_);
    stopped_ = std::move(stopped);
  }
  parts_.metrics.window_bytes.Set(static_cast<double>(bytes));
  parts_.metrics.window_events.Set(static_cast<double>(events));
  parts_.metrics.progress_bytes.Set(static_cast<double>(progress_bytes));
  const InboundLag::Lag lag = parts_.inbound_lag.worst(parts_.clock.monotonic());
  parts_.metrics.inbound_lag_records.Set(static_cast<double>(lag.records));
  parts_.metrics.inbound_lag_seconds.Set(std::chrono::duration<double>(lag.age).count());
  parts_.metrics.streams.Set(static_cast<double>(streams));
  parts_.metrics.followed_users.Set(static_cast<double>(users));
  parts_.metrics.log_scans_waiting.Set(static_cast<double>(scans_.waiting()));
  timer_ = executor_.call_at(parts_.clock.monotonic() + kTick, [this] { tick(); });
}

void Feed::follow(StreamTicket ticket, StreamRequest request) {
  executor_.post([this, ticket, request = std::move(request)]() mutable {
    if (PartitionFeed* const found = partition(ticket.partition))
      found->follow(ticket, std::move(request));
  });
}

void Feed::more(StreamTicket ticket) {
  executor_.post([this, ticket] {
    if (PartitionFeed* const found = partition(ticket.partition)) found->more(ticket);
  });
}

void Feed::unfollow(Partition of, SessionId session) {
  executor_.post([this, of, session] {
    if (PartitionFeed* const found = partition(of)) found->unfollow(session);
  });
}

void Feed::tell_positions() {
  executor_.post([this] {
    for (const auto& one : partitions_) one->tell_positions();
  });
}

void Feed::scan(std::function<Task()> work, Task dropped) {
  executor_.post([this, work = std::move(work), dropped = std::move(dropped)]() mutable {
    scans_.submit(std::move(work), std::move(dropped));
  });
}

std::vector<std::string> Feed::stopped_partitions() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

}  // namespace signalbox::gateway
