// Feed: reads each partition of events and progress that one of the gateway's users is in, once for
// all of them, and hands what their sockets need to the shards. A partition is read from when the
// first of its users comes until partition_idle_max after the last has gone, so that who comes back
// finds the window. Everything happens on one executor; the functions below may be called from any
// thread unless they say otherwise. What sockets ask takes effect in the order it was asked; scans,
// and what the gateway itself does, do not wait behind it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/partition_feed.hpp"

namespace signalbox::gateway {

class Feed {
 public:
  struct Parts {
    event_store::EventLog& log;
    event_store::UserHistory* history;  // may be null
    Executor& executor;
    const Clock& clock;
    std::vector<Executor*> helpers;  // threads for reads that block: at most log_scans_max
    std::vector<ShardPort> shards;
    FrameFactory make_frame;
    GatewayMetrics& metrics;
    CallbackCount& callbacks;
    InboundLag& inbound_lag;
    Random& random;  // of the executor's thread
    GatewayLimits limits;
  };
  // Made and destroyed anywhere; opened and closed on the executor, in between.
  explicit Feed(Parts parts);
  void open();
  // Stops reading; what is asked afterwards is not answered, but for scans, which are dropped.
  void close();

  // A session asks once per generation; it is answered through its hub, from stream.hpp.
  void follow(StreamTicket ticket, StreamRequest request);
  void more(StreamTicket ticket);
  void unfollow(Partition partition, SessionId session);
  // A partition none of whose streams is served is to be read for what it says about inbound.
  void keep_reading(Partition partition);
  // Every stream is told where it stands.
  void tell_positions();
  void replace_limits(const GatewayLimits& limits) { parts_.limits = limits; }
  // A job in line with the scans of streams (scan_queue.hpp); `dropped` runs on the executor.
  void run_aside(std::function<Task()> work, Task dropped);
  // A scan with those of streams (shared_scans.hpp); `refused` runs on the executor.
  void scan(event_store::LogScan scan, SharedScans::Take take, Task refused);

  // Any thread: partitions that cannot be read now, with the reason; at most a second old. Each is
  // tried again by itself.
  [[nodiscard]] std::vector<std::string> stopped_partitions() const;

 private:
  void tick();
  // What sockets ask runs in order, a slice at a time (gauge streams_asked): new events, which come
  // to the executor directly, wait for no more than one however many sockets come back at once.
  void ask(Task task);
  void serve_asked_later();
  void serve_asked();
  [[nodiscard]] PartitionFeed* find(Partition partition);
  // None once the feed is closed.
  [[nodiscard]] PartitionFeed* find_or_begin(Partition partition);

  Executor& executor_;
  ScanQueue jobs_;
  SharedScans scans_;
  StreamPosts posts_;
  FeedParts parts_;
  std::deque<Task> asked_;
  bool serving_ = false;  // serve_asked() is in line for the executor
  std::uint64_t last_channel_ = 0;
  std::vector<std::unique_ptr<PartitionFeed>> partitions_;  // null: not read now
  TimerId timer_ = TimerId::none;
  mutable std::mutex mutex_;
  std::vector<std::string> stopped_;  // guarded by mutex_
};

}  // namespace signalbox::gateway
