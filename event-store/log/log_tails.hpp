// LogTails: who reads the embedded log and how far. Records just committed are handed to tails at
// the head from memory; a tail that lags further behind than memory reaches is served from disk by
// one thread of its own ("log-reader"). A partition that had no tail yet is kept in no memory. Also
// keeps the volatile topic, which is never on disk.
//
// Threads: any; callbacks run on the executor of their tail, at most one in flight per tail.
// Bounds: recent_bytes_max over all partitions (the oldest go first, their readers then lag);
// volatile_* per partition of the volatile topic (the oldest are lost, its readers skip them).
// Private to this folder.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/post_batch.hpp"

namespace signalbox::event_store {

struct LogTailsOptions {
  std::size_t recent_bytes_max = 16U << 20;
  std::size_t volatile_records_max = 1024;
  std::size_t volatile_bytes_max = 1U << 20;
  ReadLimits batch{256, 1U << 20};  // of one on_records()
};

class LogTails {
 public:
  // Reads rows from disk; called by the reader thread and by callers of read(), also at once.
  using ReadRows =
      std::function<Result<std::vector<RecordPtr>>(const TopicPartition&, Offset, ReadLimits)>;
  struct Start {
    TopicPartition at;
    LogBounds bounds;
  };

  LogTails(std::span<const Start> starts, LogTailsOptions options, ReadRows read_rows);
  ~LogTails();
  LogTails(const LogTails&) = delete;
  LogTails& operator=(const LogTails&) = delete;

  [[nodiscard]] std::unique_ptr<Tail> tail(const TopicPartition& at, Offset from, Executor& where,
                                           TailSink& sink);
  [[nodiscard]] Result<std::vector<RecordPtr>> read(const TopicPartition& at, Offset from,
                                                    ReadLimits limits);
  [[nodiscard]] LogBounds bounds(const TopicPartition& at) const;

  // Of every batch that is given to publish() or publish_volatile().
  [[nodiscard]] PostGate& gate() { return gate_; }
  // Records that are durable now, of each partition the next ones. Adds to `dropped` what memory no
  // longer keeps for readers, for the caller to let go of where that is cheapest.
  void publish(std::span<const RecordPtr> committed, PostBatch& posts,
               std::vector<RecordPtr>& dropped);
  // Gives a record of the volatile topic its offset and lets readers see it.
  Offset publish_volatile(const std::shared_ptr<Record>& record, PostBatch& posts);
  // Retention took what is before `first`.
  void raise_first(const TopicPartition& at, Offset first);
  // What another process wrote meanwhile, for read-only use.
  void raise_end(const TopicPartition& at, Offset end);

 private:
  class Handle;
  struct Place;
  struct Subscription {
    Subscription(Place& read_place, Executor& executor, TailSink& tail_sink, Offset from)
        : place(read_place), where(executor), sink(tail_sink), next(from) {}
    Place& place;
    Executor& where;
    TailSink& sink;
    std::atomic<bool> closed = false;
    // Guarded by mutex_.
    Offset next;
    bool busy = false;     // a callback is in flight or the disk is being read for it
    bool at_head = false;  // on_caught_up() was called for the present end
    bool ended = false;
  };
  using SubscriptionPtr = std::shared_ptr<Subscription>;
  struct Recent {
    RecordPtr record;
    std::size_t bytes;  // counting them again would touch memory long gone from the cache
  };
  struct Place {
    TopicPartition at;
    LogBounds bounds;
    std::deque<Recent> recent{};  // without a gap up to bounds.end
    std::size_t recent_bytes = 0;
    std::vector<SubscriptionPtr> readers{};
  };

  [[nodiscard]] Place& place(const TopicPartition& at);
  [[nodiscard]] const Place& place(const TopicPartition& at) const;
  void add_recent(Place& to, RecordPtr record);
  [[nodiscard]] RecordPtr drop_oldest(Place& from);
  void trim_recent(std::vector<RecordPtr>& dropped);
  [[nodiscard]] std::vector<RecordPtr> collect_recent(const Place& from, Offset next,
                                                      ReadLimits limits) const;
  // Starts what the subscription needs next, if anything. Under mutex_.
  void pump(const SubscriptionPtr& reader, PostBatch& posts);
  void pump_behind_head(const SubscriptionPtr& reader, PostBatch& posts);
  void deliver(const SubscriptionPtr& reader, std::vector<RecordPtr> batch, PostBatch& posts);
  void fail(const SubscriptionPtr& reader, Error error, PostBatch& posts);
  // On the subscription's executor, after its callback.
  void finish(const SubscriptionPtr& reader);
  void release(const SubscriptionPtr& reader);

  void serve_lagging_until_stopped();
  void serve_lagging(const SubscriptionPtr& reader);
  [[nodiscard]] Result<std::vector<RecordPtr>> read_disk(const TopicPartition& at, Offset from,
                                                         ReadLimits limits);

  PostGate gate_;
  const LogTailsOptions options_;
  const ReadRows read_rows_;

  mutable std::mutex mutex_;
  std::map<TopicPartition, Place> places_;  // guarded by mutex_; places are never added later
  std::deque<Place*> recent_order_;         // guarded by mutex_: whose oldest goes next
  std::size_t recent_bytes_ = 0;            // guarded by mutex_
  std::deque<SubscriptionPtr> lagging_;     // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::condition_variable lag_;

  std::thread thread_;
};

}  // namespace signalbox::event_store
