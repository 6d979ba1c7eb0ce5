#include "ops/bench/token_desk.hpp"

#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "ops/bench/dev_token.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::milliseconds kWaitMax(5'000);

}  // namespace

TokenDesk::~TokenDesk() {
  threads_.stop();
  threads_.join();
}

void TokenDesk::ask(const client::WebSocketUrl& service, const std::string& user_id, Done done) {
  asio::post(threads_, [this, service, user_id, done = std::move(done)]() mutable {
    auto token = fetch_dev_token(service, user_id, kWaitMax);
    asio::post(io_, [token = std::move(token), done = std::move(done)]() mutable {
      done(std::move(token));
    });
  });
}

}  // namespace signalbox::bench
