#include "gateway/hub.hpp"

#include <algorithm>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::gateway {

void Hub::add(SessionId session, StreamSink& sink, ClientLink& link) {
  const bool added = sessions_.try_emplace(session, Entry{&sink, &link}).second;
  SIGNALBOX_ASSERT(added);
}

void Hub::remove(SessionId session) {
  leave(session);
  sessions_.erase(session);
}

void Hub::join(SessionId session, ChannelId channel) {
  leave(session);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  found->second.channel = channel;
  channels_[channel].push_back(found->second.link);
}

void Hub::leave(SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || !found->second.channel) return;
  const auto channel = channels_.find(*found->second.channel);
  std::erase(channel->second, found->second.link);
  if (channel->second.empty()) channels_.erase(channel);
  found->second.channel.reset();
}

void Hub::update(const StreamTicket& ticket, StreamUpdate update) {
  const auto found = sessions_.find(ticket.session);
  if (found != sessions_.end()) found->second.sink->on_stream(ticket.generation, std::move(update));
}

std::size_t Hub::deliver(std::span<const Delivery> deliveries) {
  std::size_t count = 0;
  for (const Delivery& delivery : deliveries) {
    const auto channel = channels_.find(delivery.channel);
    if (channel == channels_.end()) continue;
    for (ClientLink* link : channel->second) link->send_live(delivery.frame);
    count += channel->second.size();
  }
  return count;
}

}  // namespace signalbox::gateway
