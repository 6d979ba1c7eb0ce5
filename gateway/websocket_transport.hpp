// How websocketpp is set up, and the transport it runs on. A part of websocket_server.cpp, which
// alone includes it, but for the fuzz target that drives the same set-up without sockets. What its
// headers get wrong is mended by websocketpp_overlay.cmake, which see.
#pragma once

#include <algorithm>
#include <asio/buffer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <websocketpp/common/network.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "gateway/address_range.hpp"
#include "gateway/client_address.hpp"
#include "gateway/handshake.hpp"
#include "gateway/header_text.hpp"
#include "gateway/request_head.hpp"
#include "gateway/secure_stream.hpp"
#include "gateway/socket_link.hpp"

namespace signalbox::gateway {

namespace wspp = websocketpp;

// The socket under a connection: plain, or with TLS once secure() was called, before it starts.
class SecurableSocket : public wspp::transport::asio::basic_socket::connection {
 public:
  using Base = wspp::transport::asio::basic_socket::connection;
  using type = SecurableSocket;
  using ptr = std::shared_ptr<type>;

  [[nodiscard]] bool is_secure() const { return stream_->is_secure(); }
  [[nodiscard]] SecureStream& get_socket() { return *stream_; }
  void secure(std::shared_ptr<asio::ssl::context> context,
              std::chrono::steady_clock::time_point greet_until) {
    stream_->secure(std::move(context), greet_until);
  }

 protected:
  std::error_code init_asio(io_service_ptr service, strand_ptr strand, bool is_server) {
    const std::error_code error = Base::init_asio(service, std::move(strand), is_server);
    if (!error) stream_.emplace(get_raw_socket());
    return error;
  }
  void post_init(wspp::transport::asio::socket::init_handler callback) {
    if (!is_secure()) return callback({});
    stream_->async_handshake(std::move(callback));
  }

 private:
  std::optional<SecureStream> stream_;
};

struct SecurableEndpoint : wspp::transport::asio::basic_socket::endpoint {
  using socket_con_type = SecurableSocket;
  using socket_con_ptr = socket_con_type::ptr;
};

// The transport with what websocketpp lacks: it tells when a write is done and how many bytes are
// in it, several sends in a row can be made one write, and reading can be held (its own
// pause_reading() starts a second read into the same buffer). It reads when there is something to
// be read, and what it has read is taken before anything else happens on its thread, so that all
// connections of a thread can read into one buffer.
template <class Config>
class TellingConnection : public wspp::transport::asio::connection<Config> {
 public:
  using Base = wspp::transport::asio::connection<Config>;
  using Base::Base;

  using Base::async_write;
  // Of the answer to the request.
  void async_write(const char* bytes, std::size_t size, wspp::transport::write_handler handler) {
    has_answered_ = true;
    Base::async_write(bytes, size, std::move(handler));
  }
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

  // At least one byte, which is all that websocketpp asks for.
  void async_read_at_least(std::size_t, char* buffer, std::size_t size,
                           wspp::transport::read_handler handler) {
    if (!reading_held_) return read(buffer, size, std::move(handler));
    // The read under way is what keeps a connection; one that is held must do so too.
    held_read_ = [this, self = this->get_shared(), buffer, size, handler = std::move(handler)] {
      read(buffer, size, handler);
    };
  }
  void hold_reading(bool hold) {
    reading_held_ = hold;
    if (hold) return;
    if (const auto read = std::exchange(held_read_, nullptr)) read();
  }

  // From here on it is a WebSocket, with a closing handshake of its own.
  void upgraded() { has_answered_ = false; }

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

  // Where websocketpp closes because of what the peer sent, or with the answer to a request, it has
  // stopped reading: a peer in the middle of a send would be reset before it has seen why. So what
  // it sends is thrown away for a while.
  // A peer that speaks TLS is told before that this is the end, and no attacker cut it off.
  void async_shutdown(wspp::transport::shutdown_handler handler) {
    ending_ = std::make_unique<Ending>();
    if (!this->get_socket().is_greeted() || in_flight_ != 0) return end_tcp(std::move(handler));
    ending_->after_goodbye = std::move(handler);
    const auto end = [this, self = Base::get_shared()](const std::error_code&) { end_goodbye(); };
    ending_->goodbye_timer = Base::set_timer(kGoodbyeMs, end);
    this->get_socket().async_goodbye(end);
  }

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t writes_begun() { return this->get_socket().writes_begun(); }
  std::function<void()> on_written;
  std::function<bool()> stopped_reading = [] { return false; };
  std::chrono::milliseconds linger{0};

 private:
  static constexpr std::size_t kDiscardBytes = 64 * 1024;
  // A peer that goes on longer than this is no peer in the middle of a send.
  static constexpr std::size_t kDiscardBytesMax = 64 << 20;
  static constexpr long kGoodbyeMs = 1000;
  static constexpr std::size_t kSecureBytes = 4096;

  struct Ending {
    wspp::transport::shutdown_handler after_goodbye;
    typename Base::timer_ptr goodbye_timer;
    wspp::transport::shutdown_handler at_end;
    typename Base::timer_ptr linger_timer;
    std::vector<char> discard;
    std::size_t discarded = 0;
  };

  void read(char* buffer, std::size_t size, wspp::transport::read_handler handler) {
    if (this->is_secure()) return read_secure(buffer, size, std::move(handler));
    Base::get_raw_socket().async_wait(
        asio::socket_base::wait_read,
        [this, self = Base::get_shared(), buffer, size,
         handler = std::move(handler)](std::error_code error) mutable {
          std::size_t got = 0;
          if (!error) got = Base::get_raw_socket().read_some(asio::buffer(buffer, size), error);
          if (error == asio::error::would_block) return read(buffer, size, std::move(handler));
          Base::handle_async_read(std::move(handler), error, got);
        });
  }
  // Of TLS a part of a record may be there, so that there is something to be read and nothing
  // comes.
  void read_secure(char* buffer, std::size_t size, wspp::transport::read_handler handler) {
    secure_bytes_.resize(kSecureBytes);
    Base::async_read_at_least(1, secure_bytes_.data(), std::min(size, secure_bytes_.size()),
                              [this, buffer, handler = std::move(handler)](
                                  const std::error_code& error, std::size_t bytes) {
                                std::copy_n(secure_bytes_.begin(), bytes, buffer);
                                handler(error, bytes);
                              });
  }

  void end_goodbye() {
    if (ending_->goodbye_timer) std::exchange(ending_->goodbye_timer, nullptr)->cancel();
    if (const auto handler = std::exchange(ending_->after_goodbye, nullptr)) end_tcp(handler);
  }
  void end_tcp(wspp::transport::shutdown_handler handler) {
    if (linger.count() == 0 || !(has_answered_ || stopped_reading()))
      return Base::async_shutdown(std::move(handler));
    std::error_code ignored;
    Base::get_raw_socket().shutdown(asio::socket_base::shutdown_send, ignored);
    ending_->at_end = std::move(handler);
    const auto end = [this, self = Base::get_shared()](const std::error_code&) { end_linger(); };
    ending_->linger_timer = Base::set_timer(static_cast<long>(linger.count()), end);
    ending_->discard.resize(kDiscardBytes);
    discard();
  }
  void discard() {
    Base::get_raw_socket().async_read_some(
        asio::buffer(ending_->discard),
        [this, self = Base::get_shared()](const std::error_code& error, std::size_t bytes) {
          ending_->discarded += bytes;
          if (error || ending_->discarded > kDiscardBytesMax) return end_linger();
          discard();
        });
  }
  void end_linger() {
    if (ending_->linger_timer) std::exchange(ending_->linger_timer, nullptr)->cancel();
    if (const auto handler = std::exchange(ending_->at_end, nullptr)) Base::async_shutdown(handler);
  }

  std::unique_ptr<Ending> ending_;  // once it has begun
  bool has_answered_ = false;
  bool corked_ = false;
  std::function<void()> held_;
  std::size_t in_flight_ = 0;
  bool reading_held_ = false;
  std::function<void()> held_read_;
  std::vector<char> secure_bytes_;
};

// A request whose head is judged before websocketpp, which takes much for granted, sees it whole.
class JudgedRequest : public wspp::http::parser::request {
 public:
  using Base = wspp::http::parser::request;
  std::size_t consume(const char* bytes, std::size_t size) {
    if (!is_judged_) judge(std::string_view(bytes, size));
    try {
      return Base::consume(bytes, size);
    } catch (const wspp::http::exception&) {
      if (!is_judged_) refuse_if_wrong(head_);  // the library refuses without a word
      throw;
    }
  }

 private:
  // Of a head that comes in crumbs each doubling is judged, so that crumbs cost no more than bytes.
  void judge(std::string_view bytes) {
    const std::size_t searched = head_.size() - std::min(head_.size(), kHeadEnd.size() - 1);
    head_.append(bytes);
    const std::size_t end = head_.find(kHeadEnd, searched);
    is_judged_ = end != head_.npos;
    if (!is_judged_ && head_.size() < 2 * judged_bytes_) return;
    judged_bytes_ = head_.size();
    refuse_if_wrong(std::string_view(head_).substr(0, is_judged_ ? end + kHeadEnd.size() : end));
    if (is_judged_) std::string().swap(head_);
  }
  static void refuse_if_wrong(std::string_view head) {
    if (const auto fault = judge_head(head))
      throw wspp::http::exception(fault->message,
                                  static_cast<wspp::http::status_code::value>(fault->status),
                                  fault->message);
  }

  static constexpr std::string_view kHeadEnd = "\r\n\r\n";
  std::string head_;
  std::size_t judged_bytes_ = 0;
  bool is_judged_ = false;
};

// A response with what every answer of ours says, also those that websocketpp makes by itself. The
// answer to an upgrade stays as it is.
class StrictResponse : public wspp::http::parser::response {
 public:
  using Base = wspp::http::parser::response;
  [[nodiscard]] std::string raw() const {
    if (get_status_code() == wspp::http::status_code::switching_protocols) return raw_upgrade();
    Base strict = *this;
    const auto add = [&](const char* name, const std::string& value) {
      if (strict.get_header(name).empty()) strict.replace_header(name, value);
    };
    add("Connection", "close");
    add("Cache-Control", "no-store");
    add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    add("Cross-Origin-Opener-Policy", "same-origin");
    add("Cross-Origin-Resource-Policy", "same-origin");
    add("Referrer-Policy", "no-referrer");
    add("X-Content-Type-Options", "nosniff");
    add("X-Frame-Options", "DENY");
    if (get_status_code() == wspp::http::status_code::upgrade_required) {
      add("Sec-WebSocket-Version", "13");
      strict.replace_header("Connection", "close, Upgrade");
      strict.replace_header("Upgrade", "websocket");
    }
    if (get_header("Content-Length").empty()) {
      const bool is_version = get_status_code() == wspp::http::status_code::upgrade_required;
      const HttpResponse error = http_error(static_cast<int>(get_status_code()),
                                            is_version ? "protocol" : "bad_request", refusal());
      strict.set_body(error.body);
      add("Content-Type", error.content_type);
    }
    strict.set_status(get_status_code());
    return strict.raw();
  }

 private:
  // The library refuses what is too long without a word.
  [[nodiscard]] std::string refusal() const {
    switch (get_status_code()) {
      case wspp::http::status_code::request_entity_too_large:
        return "the body is longer than this service takes";
      case wspp::http::status_code::request_header_fields_too_large:
        return "the headers are longer than this service takes";
      default: return get_status_msg();
    }
  }
  // As the library makes it, without its streams.
  [[nodiscard]] std::string raw_upgrade() const {
    std::string text = get_version() + " " + std::to_string(get_status_code()) + " ";
    text.append(get_status_msg()).append("\r\n");
    for (const auto& [name, value] : get_headers())
      text.append(name).append(": ").append(value).append("\r\n");
    return text + "\r\n";
  }
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

  // What only the handshake and plain requests need.
  struct Opening {
    JudgedRequest request;
    StrictResponse response;
    std::string remote_address;
    std::string early;  // came behind the request, waits for its answer to be written
  };
  std::unique_ptr<Opening> opening = std::make_unique<Opening>();
  std::size_t keep_early(const char* bytes, std::size_t size) {
    opening->early.assign(bytes, size);
    return size;
  }
  // Called by websocketpp when the handshake is done; nothing of it is looked at any more.
  template <class... Parts>
  void end_handshake(char* bytes, Parts&... parts) {
    std::copy(opening->early.begin(), opening->early.end(), bytes);
    opening = nullptr;
    (renew(parts), ...);
  }
  // What it is read into and what makes its messages: of its thread, which is the one that makes
  // the connection. The buffer is free again when the bytes were taken.
  using ReadBuffer = char[16 * 1024];
  [[nodiscard]] static ReadBuffer& read_buffer() {
    static thread_local ReadBuffer bytes;
    return bytes;
  }
  template <class Manager>
  [[nodiscard]] static std::shared_ptr<Manager> message_manager() {
    static thread_local const auto manager = std::make_shared<Manager>();
    return manager;
  }

  std::shared_ptr<ConnectionOwner> shard;
  int port = 0;
  std::shared_ptr<SocketLink> link;
  std::unique_ptr<SocketWriter> writer;
  std::shared_ptr<const void> until_sent;  // what the answer under way keeps

 private:
  // An assignment might keep the memory.
  template <class Part>
  static void renew(Part& part) {
    std::destroy_at(&part);
    std::construct_at(&part);
  }
};

struct ServerConfig : wspp::config::asio {
  using type = ServerConfig;
  using base = wspp::config::asio;
  using concurrency_type = wspp::concurrency::none;
  using request_type = JudgedRequest;
  using response_type = StrictResponse;
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
    using socket_type = SecurableEndpoint;
    static constexpr bool enable_multithreading = false;
    static constexpr long timeout_socket_post_init = 0;  // SecureStream has a limit of its own
  };
  struct transport_type : wspp::transport::asio::endpoint<transport_config> {
    using transport_con_type = TellingConnection<transport_config>;
    using transport_con_ptr = typename transport_con_type::ptr;
  };

  static constexpr std::size_t connection_read_buffer_size = sizeof(ConnectionExtra::ReadBuffer);
  static constexpr bool enable_extensions = false;
  // A protocol error gets its close code; reading stops, and the close timer ends the connection.
  static constexpr bool drop_on_protocol_error = false;
  static constexpr long timeout_pong = 0;  // the session watches the heartbeat
};

using Endpoint = wspp::server<ServerConfig>;
using ConnectionPtr = Endpoint::connection_ptr;
using MessagePtr = ServerConfig::message_type::ptr;

// What follows is of any connection with the parts of ServerConfig.

// Whether the peer has said that it ends, and how. websocketpp notes what a close frame says before
// it judges it: one that breaks the protocol is answered with 1002 and a reason of its own.
template <class Connection>
bool has_remote_end(const Connection& connection) {
  const auto code = connection.get_remote_close_code();
  if (code == wspp::close::status::blank || code == wspp::close::status::abnormal_close)
    return false;
  const auto local = connection.get_local_close_code();
  return local != wspp::close::status::protocol_error ||
         (local == code &&
          connection.get_local_close_reason() == connection.get_remote_close_reason());
}

// How the connection ended, as far as the wire tells.
template <class Connection>
SocketEnd end_seen(const Connection& connection) {
  if (has_remote_end(connection))
    return {static_cast<CloseCode>(connection.get_remote_close_code()),
            connection.get_remote_close_reason()};
  const auto local = connection.get_local_close_code();
  if (local == wspp::close::status::blank) return {CloseCode::abnormal, ""};
  return {static_cast<CloseCode>(local), connection.get_local_close_reason()};
}

// What the client asks for.
template <class Connection>
HttpRequest read_request(const Connection& connection,
                         std::span<const AddressRange> trusted_proxies) {
  const auto& request = connection.get_request();
  const std::string& target = request.get_uri();
  const std::size_t question = target.find('?');
  HttpRequest read{.method = request.get_method(),
                   .path = target.substr(0, question),
                   .query = question == target.npos ? "" : target.substr(question + 1),
                   .headers = {},
                   .body = request.get_body(),
                   .remote_address = {}};
  for (const auto& [name, value] : request.get_headers())
    read.headers.emplace_back(lower(name), value);
  read.remote_address = client_address(connection.opening->remote_address,
                                       read.header("x-forwarded-for"), trusted_proxies);
  return read;
}

template <class Connection>
void write_response(Connection& connection, const HttpResponse& response) {
  connection.set_status(static_cast<wspp::http::status_code::value>(response.status));
  for (const auto& [name, value] : response.headers) connection.replace_header(name, value);
  if (connection.is_secure())
    connection.replace_header("Strict-Transport-Security", "max-age=31536000");
  if (!response.body.empty()) connection.replace_header("Content-Type", response.content_type);
  // An answer to HEAD and a 304 state the length of a body that is not there.
  if (connection.get_request().get_method() != "HEAD" && response.status != 304)
    connection.set_body(response.body);
  connection.replace_header("Content-Length", std::to_string(response.body.size()));
}

}  // namespace signalbox::gateway
