// Hub: who listens to what on one shard. The feed posts frames and updates here; because everything
// for a socket comes through these posts, in order, a socket that joins its channel between two of
// them misses nothing and gets nothing twice. Thread: the shard.
#pragma once

#include <chrono>
#include <span>
#include <unordered_map>
#include <vector>

#include "gateway/client_link.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual void on_stream(std::uint32_t generation, StreamUpdate update) = 0;
  // The gateway stops: tell the client to come back after that long, close when every send has its
  // answer.
  virtual void drain(std::chrono::milliseconds reconnect_after) = 0;
};

// One frame for every socket of a channel.
struct Delivery {
  ChannelId channel;
  FramePtr frame;
};

class Hub {
 public:
  void add(SessionId session, StreamSink& sink, ClientLink& link);
  void remove(SessionId session);  // also from its channel

  // The socket gets the frames of the channel from now on; it is in one channel at most.
  void join(SessionId session, ChannelId channel);
  void leave(SessionId session);

  void update(const StreamTicket& ticket, StreamUpdate update);
  // Returns how many frames were given to sockets.
  std::size_t deliver(std::span<const Delivery> deliveries);

  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  template <class Visit>  // Visit(StreamSink&); must not add or remove sessions
  void for_each(Visit visit) {
    for (auto& [id, entry] : sessions_) visit(*entry.sink);
  }

 private:
  struct Entry {
    StreamSink* sink;
    ClientLink* link;
    std::optional<ChannelId> channel{};
  };
  std::unordered_map<SessionId, Entry> sessions_;
  std::unordered_map<ChannelId, std::vector<ClientLink*>> channels_;
};

}  // namespace signalbox::gateway
