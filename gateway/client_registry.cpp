#include "gateway/client_registry.hpp"

#include <tuple>
#include <utility>

namespace signalbox::gateway {

std::optional<std::chrono::milliseconds> UserAllowance::refuse(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (bucket_.take(now)) return std::nullopt;
  return bucket_.wait(now);
}

bool UserAllowance::is_full(MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  return bucket_.is_full(now);
}

void UserAllowance::replace_rate(const BucketRate& rate, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  bucket_.replace_rate(rate, now);
}

ClientRegistry::Place::~Place() {
  if (registry_ != nullptr) registry_->leave(*user_, *client_);
}

ClientRegistry::Place::Place(Place&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      user_(other.user_),
      client_(other.client_) {}

Result<ClientRegistry::Place> ClientRegistry::enter(const UserId& user,
                                                    const std::optional<std::string>& wanted,
                                                    Random& random) {
  const Timestamp now = clock_.now();
  const std::lock_guard lock(mutex_);
  forget_those_gone();
  const auto held = users_.try_emplace(user, messages_, clock_.monotonic()).first;
  if (held->second.sockets >= sockets_per_user_max_)
    return failure(Errc::overloaded, "the user has too many connections to this gateway");
  WebsocketClientId client = make_client_id(now, random);
  if (wanted && is_websocket_client_id(*wanted) && !clients_.contains(WebsocketClientId(*wanted)))
    client = WebsocketClientId(*wanted);
  auto [kept, is_new] = clients_.insert(client);
  while (!is_new) std::tie(kept, is_new) = clients_.insert(make_client_id(now, random));
  ++held->second.sockets;
  return Place(*this, *held, *kept);
}

std::size_t ClientRegistry::sockets() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

void ClientRegistry::replace_limits(std::size_t sockets_per_user_max, const BucketRate& messages) {
  const std::lock_guard lock(mutex_);
  sockets_per_user_max_ = sockets_per_user_max;
  messages_ = messages;
  for (auto& [id, user] : users_) user.allowance.replace_rate(messages, clock_.monotonic());
}

void ClientRegistry::leave(Users::value_type& user, const WebsocketClientId& client) {
  const std::lock_guard lock(mutex_);
  clients_.erase(clients_.find(client));
  if (--user.second.sockets == 0) gone_.push_back(user.first);
  forget_those_gone();
}

void ClientRegistry::forget_those_gone() {
  const MonotonicTime now = clock_.monotonic();
  while (!gone_.empty()) {
    const auto found = users_.find(gone_.front());
    const bool is_gone = found != users_.end() && found->second.sockets == 0;
    if (is_gone && !found->second.allowance.is_full(now)) return;
    if (is_gone) users_.erase(found);
    gone_.pop_front();
  }
}

}  // namespace signalbox::gateway
