// SecureStream: a TCP socket, or TLS over it once secure() was called, as one stream for Asio's
// composed operations. A plain one costs no more than a pointer. Lifetime: the socket outlives it.
// Thread: the socket's.
#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

namespace signalbox::gateway {

class SecureStream {
 public:
  using executor_type = asio::ip::tcp::socket::executor_type;

  explicit SecureStream(asio::ip::tcp::socket& socket) : socket_(socket) {}
  [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }

  // Before anything is read or written. Where TLS does not stand by then, the socket is closed.
  void secure(std::shared_ptr<asio::ssl::context> context,
              std::chrono::steady_clock::time_point greet_until) {
    tls_ = std::make_unique<Tls>(socket_, std::move(context), greet_until);
  }
  [[nodiscard]] bool is_secure() const { return tls_ != nullptr; }
  // Between the end of the handshake and async_goodbye(): the peer is told that we end.
  [[nodiscard]] bool is_greeted() const { return tls_ && tls_->is_greeted; }

  // Only of a secure one; the handler keeps what the stream is part of.
  template <class Handler>
  void async_handshake(Handler handler) {
    // The timer lives as long as the handshake is under way, and nothing that it calls any longer.
    auto timer = std::make_shared<asio::steady_timer>(socket_.get_executor(), tls_->greet_until);
    timer->async_wait([this, under_way = std::weak_ptr(timer)](const std::error_code& error) {
      std::error_code ignored;
      if (!error && !under_way.expired()) socket_.close(ignored);
    });
    tls_->stream.async_handshake(asio::ssl::stream_base::server,
                                 [tls = tls_.get(), timer, handler = std::move(handler)](
                                     const std::error_code& error) mutable {
                                   timer.reset();
                                   tls->is_greeted = !error;
                                   handler(error);
                                 });
  }
  template <class Handler>
  void async_goodbye(Handler&& handler) {
    tls_->is_greeted = false;
    tls_->stream.async_shutdown(std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->stream.async_read_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    ++writes_begun_;
    if (tls_)
      tls_->stream.async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  // Each but the first of a composed write says that the kernel has taken the one before.
  [[nodiscard]] std::size_t writes_begun() const { return writes_begun_; }

 private:
  struct Tls {
    Tls(asio::ip::tcp::socket& socket, std::shared_ptr<asio::ssl::context> given,
        std::chrono::steady_clock::time_point until)
        : context(std::move(given)), stream(socket, *context), greet_until(until) {}
    std::shared_ptr<asio::ssl::context> context;  // of this connection, whatever came after it
    asio::ssl::stream<asio::ip::tcp::socket&> stream;
    std::chrono::steady_clock::time_point greet_until;
    bool is_greeted = false;
  };

  asio::ip::tcp::socket& socket_;
  std::unique_ptr<Tls> tls_;
  std::size_t writes_begun_ = 0;
};

}  // namespace signalbox::gateway
