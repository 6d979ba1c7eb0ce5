// ClientRegistry: which sockets of which user this gateway holds: how many, and under which client
// ids. Shared by all shards. Any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/result.hpp"

namespace signalbox::gateway {

class ClientRegistry {
 public:
  // A socket's place; given back when it is destroyed. The registry outlives it.
  class Place {
   public:
    Place(ClientRegistry& registry, UserId user, WebsocketClientId client)
        : registry_(&registry), user_(std::move(user)), client_(std::move(client)) {}
    ~Place();
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    [[nodiscard]] const UserId& user() const { return user_; }
    [[nodiscard]] const WebsocketClientId& client() const { return client_; }

   private:
    ClientRegistry* registry_;
    UserId user_;
    WebsocketClientId client_;
  };

  explicit ClientRegistry(std::size_t sockets_per_user_max)
      : sockets_per_user_max_(sockets_per_user_max) {}

  // The client id is the wanted one where that is well-formed and free, else a new `ws_` + ULID.
  // Errors: overloaded (the user has as many sockets as he may have).
  [[nodiscard]] Result<Place> enter(const UserId& user, const std::optional<std::string>& wanted,
                                    Timestamp now, Random& random);
  [[nodiscard]] std::size_t sockets() const;

 private:
  void leave(const UserId& user, const WebsocketClientId& client);

  const std::size_t sockets_per_user_max_;
  mutable std::mutex mutex_;
  std::unordered_map<UserId, std::size_t> sockets_by_user_;  // guarded by mutex_
  std::unordered_set<WebsocketClientId> clients_;            // guarded by mutex_
};

// `ws_` + 26 characters: 48 bits of milliseconds and 80 random bits in Crockford's base 32.
[[nodiscard]] WebsocketClientId make_client_id(Timestamp now, Random& random);

}  // namespace signalbox::gateway
