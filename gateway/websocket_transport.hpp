// How websocketpp is set up, and the transport it runs on. A part of websocket_server.cpp, the only
// file that includes it.
#pragma once

#include <asio/buffer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <websocketpp/common/network.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "gateway/socket_link.hpp"

namespace signalbox::gateway {

namespace wspp = websocketpp;

// The transport with what websocketpp lacks: it tells when a write is done and how many bytes are
// in it, several sends in a row can be made one write, and reading can be held (its own
// pause_reading() starts a second read into the same buffer).
template <class Config>
class TellingConnection : public wspp::transport::asio::connection<Config> {
 public:
  using Base = wspp::transport::asio::connection<Config>;
  using Base::Base;

  using Base::async_write;
  void async_write(const std::vector<wspp::transport::buffer>& buffers,
                   wspp::transport::write_handler handler) {
    std::size_t bytes = 0;
    for (const auto& buffer : buffers) bytes += buffer.len;
    in_flight_ = bytes;
    Base::async_write(buffers, [this, handler = std::move(handler)](const std::error_code& error) {
      in_flight_ = 0;
      handler(error);
      if (!error && on_written) on_written();
    });
  }

  void async_read_at_least(std::size_t bytes_min, char* buffer, std::size_t size,
                           wspp::transport::read_handler handler) {
    if (!reading_held_)
      return Base::async_read_at_least(bytes_min, buffer, size, std::move(handler));
    // The read under way is what keeps a connection; one that is held must do so too.
    held_read_ = [this, self = this->get_shared(), bytes_min, buffer, size,
                  handler = std::move(handler)] {
      Base::async_read_at_least(bytes_min, buffer, size, handler);
    };
  }
  void hold_reading(bool hold) {
    reading_held_ = hold;
    if (hold) return;
    if (const auto read = std::exchange(held_read_, nullptr)) read();
  }

  // websocketpp asks for a write with every send; between cork and uncork it is asked for once.
  void cork() { corked_ = true; }
  void uncork() {
    corked_ = false;
    if (const auto write = std::exchange(held_, nullptr)) write();
  }
  template <class Handler>
  std::error_code dispatch(Handler handler) {
    if (!corked_) return Base::dispatch(std::move(handler));
    if (!held_) held_ = std::move(handler);
    return {};
  }

  // Where websocketpp closes because of what the peer sent, it has stopped reading: a peer in the
  // middle of a send would be reset before it has seen why. So what it sends is thrown away for a
  // while.
  void async_shutdown(wspp::transport::shutdown_handler handler) {
    if (linger.count() == 0 || !stopped_reading()) return Base::async_shutdown(std::move(handler));
    std::error_code ignored;
    Base::get_raw_socket().shutdown(asio::socket_base::shutdown_send, ignored);
    at_end_ = std::move(handler);
    const auto end = [this, self = Base::get_shared()](const std::error_code&) { end_linger(); };
    linger_timer_ = Base::set_timer(static_cast<long>(linger.count()), end);
    discard_.resize(kDiscardBytes);
    discard();
  }

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  std::function<void()> on_written;
  std::function<bool()> stopped_reading;
  std::chrono::milliseconds linger{0};

 private:
  static constexpr std::size_t kDiscardBytes = 64 * 1024;

  void discard() {
    Base::get_raw_socket().async_read_some(
        asio::buffer(discard_),
        [this, self = Base::get_shared()](const std::error_code& error, std::size_t) {
          if (error) return end_linger();
          discard();
        });
  }
  void end_linger() {
    if (linger_timer_) std::exchange(linger_timer_, nullptr)->cancel();
    if (const auto handler = std::exchange(at_end_, nullptr)) Base::async_shutdown(handler);
  }

  wspp::transport::shutdown_handler at_end_;
  typename Base::timer_ptr linger_timer_;
  std::vector<char> discard_;
  bool corked_ = false;
  std::function<void()> held_;
  std::size_t in_flight_ = 0;
  bool reading_held_ = false;
  std::function<void()> held_read_;
};

struct ConnectionExtra;

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void connection_gone(ConnectionExtra& extra) = 0;
};

// Ties a connection to its shard and to what is behind it. It keeps the shard, and with it the
// endpoint, until the last connection is gone.
struct ConnectionExtra : wspp::connection_base {
  ~ConnectionExtra() {
    if (shard) shard->connection_gone(*this);
  }
  // Called by websocketpp before it closes for a frame that breaks the protocol (see the overlay):
  // what was answered to the frames before goes out first.
  void protocol_broken() {
    if (link) link->flush();
  }
  std::shared_ptr<ConnectionOwner> shard;
  int port = 0;
  std::string remote_address;
  std::shared_ptr<SocketLink> link;
  std::unique_ptr<SocketWriter> writer;
  std::shared_ptr<const void> until_sent;  // what the answer under way keeps
};

struct ServerConfig : wspp::config::asio {
  using type = ServerConfig;
  using base = wspp::config::asio;
  using concurrency_type = wspp::concurrency::none;
  using request_type = base::request_type;
  using response_type = base::response_type;
  using message_type = base::message_type;
  using con_msg_manager_type = base::con_msg_manager_type;
  using endpoint_msg_manager_type = base::endpoint_msg_manager_type;
  using alog_type = wspp::log::stub;
  using elog_type = wspp::log::stub;
  using rng_type = base::rng_type;
  using endpoint_base = base::endpoint_base;
  using connection_base = ConnectionExtra;
  using permessage_deflate_type = base::permessage_deflate_type;
  static constexpr bool enable_multithreading = false;

  struct transport_config : base::transport_config {
    using concurrency_type = type::concurrency_type;
    using alog_type = type::alog_type;
    using elog_type = type::elog_type;
    using request_type = type::request_type;
    using response_type = type::response_type;
    using socket_type = wspp::transport::asio::basic_socket::endpoint;
    static constexpr bool enable_multithreading = false;
  };
  struct transport_type : wspp::transport::asio::endpoint<transport_config> {
    using transport_con_type = TellingConnection<transport_config>;
    using transport_con_ptr = typename transport_con_type::ptr;
  };

  static constexpr std::size_t connection_read_buffer_size = 4096;
  static constexpr bool enable_extensions = false;
  // A protocol error gets its close code; reading stops, and the close timer ends the connection.
  static constexpr bool drop_on_protocol_error = false;
  static constexpr long timeout_pong = 0;  // the session watches the heartbeat
};

using Endpoint = wspp::server<ServerConfig>;
using ConnectionPtr = Endpoint::connection_ptr;
using MessagePtr = ServerConfig::message_type::ptr;

}  // namespace signalbox::gateway
