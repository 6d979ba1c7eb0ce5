// ClientRegistry: which sockets of which user this gateway holds: how many, and under which client
// ids, and how much each user sends, over all sockets. Shared by all shards. Any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "event-store/model/client_id.hpp"
#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"
#include "gateway/token_bucket.hpp"

namespace signalbox::gateway {

// What a user may send, shared by his sockets. Any thread.
class UserAllowance {
 public:
  UserAllowance(const BucketRate& rate, MonotonicTime now) : bucket_(rate, now) {}
  // None: it may be sent; else how long to wait.
  [[nodiscard]] std::optional<std::chrono::milliseconds> refuse(MonotonicTime now);
  [[nodiscard]] bool is_full(MonotonicTime now);
  void replace_rate(const BucketRate& rate, MonotonicTime now);

 private:
  std::mutex mutex_;
  TokenBucket bucket_;  // guarded by mutex_
};

class ClientRegistry {
  struct User {
    User(const BucketRate& messages, MonotonicTime now) : allowance(messages, now) {}
    std::size_t sockets = 0;  // guarded by mutex_
    UserAllowance allowance;
  };
  using Users = std::unordered_map<UserId, User>;

 public:
  // A socket's place; given back when it is destroyed. The registry outlives it.
  class Place {
   public:
    ~Place();
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    [[nodiscard]] const UserId& user() const { return user_->first; }
    [[nodiscard]] const WebsocketClientId& client() const { return *client_; }
    [[nodiscard]] UserAllowance& allowance() const { return user_->second.allowance; }

   private:
    friend class ClientRegistry;
    Place(ClientRegistry& registry, Users::value_type& user, const WebsocketClientId& client)
        : registry_(&registry), user_(&user), client_(&client) {}

    ClientRegistry* registry_;
    Users::value_type* user_;  // the registry's own, which stay where they are; so its client
    const WebsocketClientId* client_;
  };

  ClientRegistry(std::size_t sockets_per_user_max, const BucketRate& messages, const Clock& clock)
      : clock_(clock), sockets_per_user_max_(sockets_per_user_max), messages_(messages) {}

  // The client id is the wanted one where that is well-formed and free, else a new `ws_` + ULID.
  // Errors: overloaded (the user has as many sockets as he may have).
  [[nodiscard]] Result<Place> enter(const UserId& user, const std::optional<std::string>& wanted,
                                    Random& random);
  [[nodiscard]] std::size_t sockets() const;
  // A user with more sockets keeps them.
  void replace_limits(std::size_t sockets_per_user_max, const BucketRate& messages);

 private:
  void leave(Users::value_type& user, const WebsocketClientId& client);
  void forget_those_gone();

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::size_t sockets_per_user_max_;               // guarded by mutex_
  BucketRate messages_;                            // guarded by mutex_
  Users users_;                                    // guarded by mutex_
  std::unordered_set<WebsocketClientId> clients_;  // guarded by mutex_
  // Users without a socket whose allowance is not full again: who leaves and comes back has sent
  // what he has sent. Guarded by mutex_.
  std::deque<UserId> gone_;
};

}  // namespace signalbox::gateway
