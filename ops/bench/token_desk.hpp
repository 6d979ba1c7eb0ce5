// TokenDesk: asks services for users' tokens on threads of its own, so that one that does not
// answer holds up nobody. Lifetime: made after its io_context; its end waits for requests under way
// (5 s at most each). Thread: ask() and `done` on that of the io_context.
#pragma once

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <functional>
#include <string>

#include "event-store/model/result.hpp"
#include "ops/client/websocket_client.hpp"

namespace signalbox::bench {

class TokenDesk {
 public:
  using Done = std::function<void(Result<std::string>)>;

  explicit TokenDesk(asio::io_context& io) : io_(io), threads_(kThreads) {}
  ~TokenDesk();
  TokenDesk(const TokenDesk&) = delete;
  TokenDesk& operator=(const TokenDesk&) = delete;

  // Errors: those of fetch_dev_token. `done` is called once, unless the io_context ends before.
  void ask(const client::WebSocketUrl& service, const std::string& user_id, Done done);

 private:
  static constexpr std::size_t kThreads = 4;

  asio::io_context& io_;
  asio::thread_pool threads_;
};

}  // namespace signalbox::bench
