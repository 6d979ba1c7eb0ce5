#include "gateway/client_registry.hpp"

#include <array>
#include <utility>

namespace signalbox::gateway {

ClientRegistry::Place::~Place() {
  if (registry_ != nullptr) registry_->leave(user_, client_);
}

ClientRegistry::Place::Place(Place&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)),
      user_(std::move(other.user_)),
      client_(std::move(other.client_)) {}

Result<ClientRegistry::Place> ClientRegistry::enter(const UserId& user,
                                                    const std::optional<std::string>& wanted,
                                                    Timestamp now, Random& random) {
  const std::lock_guard lock(mutex_);
  const auto held = sockets_by_user_.find(user);
  if (held != sockets_by_user_.end() && held->second >= sockets_per_user_max_)
    return failure(Errc::overloaded, "the user has too many connections to this gateway");
  WebsocketClientId client = make_client_id(now, random);
  if (wanted && is_websocket_client_id(*wanted) && !clients_.contains(WebsocketClientId(*wanted)))
    client = WebsocketClientId(*wanted);
  while (!clients_.insert(client).second) client = make_client_id(now, random);
  ++sockets_by_user_[user];
  return Place(*this, user, std::move(client));
}

std::size_t ClientRegistry::sockets() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

void ClientRegistry::leave(const UserId& user, const WebsocketClientId& client) {
  const std::lock_guard lock(mutex_);
  clients_.erase(client);
  const auto held = sockets_by_user_.find(user);
  if (--held->second == 0) sockets_by_user_.erase(held);
}

WebsocketClientId make_client_id(Timestamp now, Random& random) {
  static constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::array<char, 26> text{};
  auto milliseconds = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(now).time_since_epoch().count());
  for (std::size_t i = 10; i-- > 0; milliseconds >>= 5) text[i] = kDigits[milliseconds & 31];
  std::uint64_t high = random.next();
  std::uint64_t low = random.next();
  for (std::size_t i = 10; i < 18; ++i, high >>= 5) text[i] = kDigits[high & 31];
  for (std::size_t i = 18; i < 26; ++i, low >>= 5) text[i] = kDigits[low & 31];
  return WebsocketClientId("ws_" + std::string(text.data(), text.size()));
}

}  // namespace signalbox::gateway
