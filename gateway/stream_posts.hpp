// StreamPosts: how a feed's updates go to the shards. What comes up in one turn of the feed goes to
// a shard as one task, so that a stream that starts, catches up and becomes live costs one wake-up
// and one write. Updates of one shard keep their order; whoever posts something else to a shard
// flushes before. Lifetime: as the feed, whose tasks it uses. Thread: the feed's executor.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"
#include "gateway/hub.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

struct ShardPort {
  Executor* executor;
  Hub* hub;  // touched only by tasks posted to the executor
};

class StreamPosts {
 public:
  StreamPosts(Executor& executor, std::vector<ShardPort> shards)
      : executor_(executor), shards_(std::move(shards)), waiting_(shards_.size()) {}

  void add(const StreamTicket& ticket, StreamUpdate update) {
    waiting_[ticket.shard].push_back({ticket, std::move(update)});
    if (++count_ == kUpdatesAtOnce) return flush();
    if (count_ == 1) executor_.post([this] { flush(); });
  }

  void flush() {
    if (std::exchange(count_, 0) == 0) return;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      if (waiting_[i].empty()) continue;
      shards_[i].executor->post(
          [hub = shards_[i].hub, updates = std::exchange(waiting_[i], {})]() mutable {
            for (Addressed& one : updates) hub->update(one.ticket, std::move(one.update));
          });
    }
  }

 private:
  // In a storm the shards begin with the first streams while the feed is at the next.
  static constexpr std::size_t kUpdatesAtOnce = 48;
  struct Addressed {
    StreamTicket ticket;
    StreamUpdate update;
  };

  Executor& executor_;
  const std::vector<ShardPort> shards_;
  std::vector<std::vector<Addressed>> waiting_;  // by shard
  std::size_t count_ = 0;
};

}  // namespace signalbox::gateway
