// ClientStream: a TCP socket, or TLS over it where it was given a context, as one stream for Asio's
// composed operations; a plain one holds no TLS buffers. Thread: the socket's.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <memory>
#include <utility>

namespace signalbox::client {

class ClientStream {
 public:
  using executor_type = asio::ip::tcp::socket::executor_type;

  // `tls` null: plain.
  ClientStream(asio::io_context& io, std::shared_ptr<asio::ssl::context> tls)
      : socket_(io), context_(std::move(tls)) {
    if (context_) tls_ = std::make_unique<Tls>(socket_, *context_);
  }
  [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }
  [[nodiscard]] asio::ip::tcp::socket& socket() { return socket_; }
  // Null: plain.
  [[nodiscard]] asio::ssl::stream<asio::ip::tcp::socket&>* tls() { return tls_.get(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

 private:
  using Tls = asio::ssl::stream<asio::ip::tcp::socket&>;
  asio::ip::tcp::socket socket_;
  std::shared_ptr<asio::ssl::context> context_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace signalbox::client
