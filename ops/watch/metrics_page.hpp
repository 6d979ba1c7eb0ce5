// MetricsPage: GET /metrics of a registry over HTTP/1.1, an answer a connection, for programs that
// are no gateway. At most kConnectionsMax at a time, each for at most kConnectionMax; a further one
// is closed at once. Lifetime: the registry outlives it. Thread: that of the io_context.
#pragma once

#include <prometheus/registry.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "event-store/model/result.hpp"

namespace signalbox::watch {

class MetricsPage {
 public:
  static constexpr std::size_t kConnectionsMax = 16;
  static constexpr std::chrono::seconds kConnectionMax{5};

  // `address`: HOST:PORT, numeric or localhost; port 0 is any free one. Errors: unavailable.
  [[nodiscard]] static Result<std::unique_ptr<MetricsPage>> listen(
      asio::io_context& io, const std::string& address, const prometheus::Registry& registry);
  MetricsPage(const MetricsPage&) = delete;
  MetricsPage& operator=(const MetricsPage&) = delete;

  // HOST:PORT as bound.
  [[nodiscard]] std::string address() const;

 private:
  class Connection;
  MetricsPage(asio::io_context& io, const prometheus::Registry& registry);
  void accept();
  void accept_later();

  const prometheus::Registry& registry_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer accept_again_;
  std::shared_ptr<std::size_t> connections_ = std::make_shared<std::size_t>(0);
};

}  // namespace signalbox::watch
