#include "gateway/websocket_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <unordered_map>
#include <utility>
#include <websocketpp/common/network.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/logger/stub.hpp>
#include <websocketpp/server.hpp>

#include "gateway/tcp_progress.hpp"

namespace signalbox::gateway {
namespace {

namespace wspp = websocketpp;

// websocketpp finds out the byte order when it is first asked, in a plain static. It is asked here,
// before there are threads, so that no two of them find it out at once.
[[maybe_unused]] const std::uint64_t kByteOrderFound = wspp::lib::net::_htonll(1);

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

bool has_remote_end(const Endpoint::connection_type& connection) {
  const auto code = connection.get_remote_close_code();
  return code != wspp::close::status::blank && code != wspp::close::status::abnormal_close;
}

// How the connection ended, as far as the wire tells.
SocketEnd end_seen(const Endpoint::connection_type& connection) {
  if (has_remote_end(connection))
    return {static_cast<CloseCode>(connection.get_remote_close_code()),
            connection.get_remote_close_reason()};
  const auto local = connection.get_local_close_code();
  if (local == wspp::close::status::blank) return {CloseCode::abnormal, ""};
  return {static_cast<CloseCode>(local), connection.get_local_close_reason()};
}

// The one buffer all sockets share: header and payload as they go to the wire.
class PreparedFrame final : public WireFrame {
 public:
  PreparedFrame(MessagePtr message, const FramePart& part)
      : WireFrame(part), message_(std::move(message)) {}
  [[nodiscard]] std::string_view text() const noexcept override { return message_->get_payload(); }
  [[nodiscard]] const MessagePtr& message() const { return message_; }

 private:
  MessagePtr message_;
};

class ConnectionWriter final : public SocketWriter {
 public:
  explicit ConnectionWriter(Endpoint::connection_type& connection) : connection_(connection) {}
  [[nodiscard]] std::size_t in_flight() const override { return connection_.in_flight(); }
  [[nodiscard]] std::size_t queued() const override { return connection_.get_buffered_amount(); }
  [[nodiscard]] std::uint64_t progress() const override {
    return bytes_acknowledged(connection_.get_raw_socket().native_handle());
  }
  [[nodiscard]] std::optional<SocketEnd> own_end() const override {
    if (connection_.get_state() == wspp::session::state::open) return std::nullopt;
    return end_seen(connection_);
  }
  void write(std::span<const FramePtr> frames) override {
    connection_.cork();
    for (const FramePtr& frame : frames)
      connection_.send(static_cast<const PreparedFrame&>(*frame).message());
    connection_.uncork();
  }
  void ping() override {
    std::error_code ignored;
    connection_.ping("", ignored);
  }
  void hold_reading(bool hold) override { connection_.hold_reading(hold); }
  void close(const SocketEnd& end) override {
    std::error_code ignored;
    connection_.close(number(end.code), end.reason, ignored);
  }
  void terminate() override {
    connection_.terminate(wspp::error::make_error_code(wspp::error::general));
  }

 private:
  Endpoint::connection_type& connection_;
};

HttpRequest read_request(const Endpoint::connection_type& connection) {
  const auto& request = connection.get_request();
  const std::string& target = request.get_uri();
  const std::size_t question = target.find('?');
  HttpRequest read{.method = request.get_method(),
                   .path = target.substr(0, question),
                   .query = question == target.npos ? "" : target.substr(question + 1),
                   .headers = {},
                   .body = request.get_body(),
                   .remote_address = connection.remote_address};
  for (const auto& [name, value] : request.get_headers()) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    });
    read.headers.emplace_back(std::move(lower), value);
  }
  return read;
}

void write_response(Endpoint::connection_type& connection, const HttpResponse& response) {
  connection.set_status(static_cast<wspp::http::status_code::value>(response.status));
  connection.replace_header("Connection", "close");
  connection.replace_header("X-Content-Type-Options", "nosniff");
  connection.replace_header("Cache-Control", "no-store");
  for (const auto& [name, value] : response.headers) connection.replace_header(name, value);
  if (!response.body.empty()) connection.replace_header("Content-Type", response.content_type);
  // An answer to HEAD states the length of a body that is not there.
  if (connection.get_request().get_method() != "HEAD") connection.set_body(response.body);
  connection.replace_header("Content-Length", std::to_string(response.body.size()));
}

FramePtr prepare_frame(wspp::frame::opcode::value opcode, std::string payload,
                       const FramePart& part) {
  static const auto manager = std::make_shared<ServerConfig::con_msg_manager_type>();
  const auto message = manager->get_message(opcode, 0);
  const std::size_t size = payload.size();
  message->get_raw_payload() = std::move(payload);
  const wspp::frame::basic_header basic(opcode, size, true, false, false);
  const wspp::frame::extended_header extended(size);
  message->set_header(wspp::frame::prepare_header(basic, extended));
  message->set_prepared(true);
  return std::make_shared<const PreparedFrame>(message, part);
}

}  // namespace

FramePtr WebsocketServer::make_frame(std::string text, const FramePart& part) {
  return prepare_frame(wspp::frame::opcode::text, std::move(text), part);
}

FramePtr WebsocketServer::make_binary_frame(std::string bytes) {
  return prepare_frame(wspp::frame::opcode::binary, std::move(bytes), {});
}

class WebsocketServer::Shard final : public SocketShard,
                                     public ConnectionOwner,
                                     public std::enable_shared_from_this<Shard> {
 public:
  Shard(std::size_t index, IoThread& thread, ServerOptions options, UpgradeHandler on_upgrade,
        RequestHandler on_request);

  void start();
  void adopt(const AcceptedSocket& socket, int port);
  void close_all(CloseCode code, const std::string& reason);
  void cut_all();
  [[nodiscard]] IoThread& thread() { return thread_; }
  // Counted from adopt() on, so that a burst is spread before its first handshake.
  std::atomic<std::size_t> connections{0};

  void flush_soon(std::shared_ptr<SocketLink> link) override;
  void forget(SocketLink& link) override;
  void connection_gone(ConnectionExtra& extra) override;

 private:
  bool validate(const wspp::connection_hdl& handle);
  void answer_http(const wspp::connection_hdl& handle);
  void open(const wspp::connection_hdl& handle);
  void flush();
  void tick();
  [[nodiscard]] ConnectionPtr connection_of(const wspp::connection_hdl& handle) {
    return endpoint_.get_con_from_hdl(handle);
  }

  const std::size_t index_;
  IoThread& thread_;
  const ServerOptions options_;
  const UpgradeHandler on_upgrade_;
  const RequestHandler on_request_;
  Endpoint endpoint_;
  bool closing_ = false;
  std::vector<std::shared_ptr<SocketLink>> links_;  // open
  std::unordered_map<ConnectionExtra*, wspp::connection_hdl> unopened_;
  std::vector<std::shared_ptr<SocketLink>> dirty_;  // wait for flush()
};

WebsocketServer::Shard::Shard(std::size_t index, IoThread& thread, ServerOptions options,
                              UpgradeHandler on_upgrade, RequestHandler on_request)
    : index_(index),
      thread_(thread),
      options_(options),
      on_upgrade_(std::move(on_upgrade)),
      on_request_(std::move(on_request)) {
  endpoint_.init_asio(&thread.context());
  endpoint_.set_user_agent("");
  endpoint_.set_max_message_size(options_.frame_bytes_max);
  endpoint_.set_max_http_body_size(options_.http_body_bytes_max);
  endpoint_.set_open_handshake_timeout(static_cast<long>(options_.handshake.count()));
  // The links watch their ends themselves; this one is for connections that have none any more.
  endpoint_.set_close_handshake_timeout(
      static_cast<long>((options_.socket.close_linger + std::chrono::seconds(2)).count()));
  endpoint_.set_validate_handler([this](const auto& handle) { return validate(handle); });
  endpoint_.set_http_handler([this](const auto& handle) { answer_http(handle); });
  endpoint_.set_open_handler([this](const auto& handle) { open(handle); });
  endpoint_.set_close_handler([this](const auto& handle) {
    const ConnectionPtr connection = connection_of(handle);
    if (!connection->link) return;
    const SocketEnd end = end_seen(*connection);
    connection->link->closed(end.code, end.reason);
    connection->hold_reading(false);  // a read that is held would hold the connection for ever
  });
  endpoint_.set_message_handler([this](const auto& handle, const MessagePtr& message) {
    const auto link = connection_of(handle)->link;
    if (message->get_opcode() == wspp::frame::opcode::text)
      link->received(message->get_payload());
    else
      link->received_binary(message->get_payload());
  });
  endpoint_.set_ping_handler([this](const auto& handle, const std::string&) {
    const auto link = connection_of(handle)->link;
    link->alive();
    return link->may_answer_ping();
  });
  endpoint_.set_pong_handler(
      [this](const auto& handle, const std::string&) { connection_of(handle)->link->alive(); });
}

void WebsocketServer::Shard::start() {
  thread_.post([this] { tick(); });
}

void WebsocketServer::Shard::adopt(const AcceptedSocket& socket, int port) {
  const ConnectionPtr connection = closing_ ? nullptr : endpoint_.get_connection();
  if (!connection) {
    --connections;
    ::close(socket.descriptor);
    return;
  }
  connection->shard = shared_from_this();
  connection->port = port;
  connection->remote_address = socket.remote_address;
  unopened_.emplace(connection.get(), connection);
  std::error_code error;
  connection->get_raw_socket().assign(socket.is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                                      socket.descriptor, error);
  if (error) {
    ::close(socket.descriptor);
    connection->terminate(error);
    return;
  }
  connection->start();
}

bool WebsocketServer::Shard::validate(const wspp::connection_hdl& handle) {
  const ConnectionPtr connection = connection_of(handle);
  const UpgradeRequest request{read_request(*connection), connection->get_requested_subprotocols()};
  UpgradeAnswer answer = on_upgrade_(index_, request, connection->port);
  if (!answer.session) {
    write_response(*connection, answer.refusal);
    return false;
  }
  std::error_code error;
  if (!answer.subprotocol.empty()) connection->select_subprotocol(answer.subprotocol, error);
  if (error) return false;
  connection->link =
      std::make_shared<SocketLink>(*this, options_.socket, std::move(answer.session));
  return true;
}

void WebsocketServer::Shard::answer_http(const wspp::connection_hdl& handle) {
  const ConnectionPtr connection = connection_of(handle);
  const HttpRequest request = read_request(*connection);
  const auto length = request.header("content-length");
  // websocketpp would take such a body for an empty one.
  if (request.header("transfer-encoding"))
    return write_response(
        *connection, http_error(501, "not_implemented", "send the body with a Content-Length"));
  if (length && (length->empty() || length->find_first_not_of("0123456789") != length->npos))
    return write_response(*connection, http_error(400, "bad_request", "bad Content-Length"));
  write_response(*connection, on_request_(request, connection->port));
}

void WebsocketServer::Shard::open(const wspp::connection_hdl& handle) {
  const ConnectionPtr connection = connection_of(handle);
  unopened_.erase(connection.get());
  const auto link = connection->link;
  link->index = links_.size();
  links_.push_back(link);
  connection->writer = std::make_unique<ConnectionWriter>(*connection);
  connection->on_written = [target = link.get()] { target->written(); };
  connection->stopped_reading = [target = connection.get()] {
    return wspp::close::status::terminal(target->get_local_close_code()) &&
           !has_remote_end(*target);
  };
  connection->linger = options_.socket.close_stalled;
  link->opened(*connection->writer);
  if (closing_) link->close(CloseCode::going_away, "the gateway stops");
}

void WebsocketServer::Shard::flush_soon(std::shared_ptr<SocketLink> link) {
  dirty_.push_back(std::move(link));
  if (dirty_.size() == 1) asio::post(thread_.context(), [this] { flush(); });
}

void WebsocketServer::Shard::flush() {
  for (const auto& link : std::exchange(dirty_, {})) link->flush();
}

void WebsocketServer::Shard::forget(SocketLink& link) {
  std::swap(links_[link.index], links_.back());
  links_[link.index]->index = link.index;
  links_.pop_back();
}

void WebsocketServer::Shard::connection_gone(ConnectionExtra& extra) {
  unopened_.erase(&extra);
  --connections;
}

void WebsocketServer::Shard::tick() {
  // Closing is always deferred to flush(), so the list does not change here.
  const MonotonicTime now = std::chrono::steady_clock::now();
  for (const auto& link : links_) link->tick(now);
  thread_.call_at(now + std::chrono::seconds(1), [this] { tick(); });
}

void WebsocketServer::Shard::close_all(CloseCode code, const std::string& reason) {
  closing_ = true;
  for (const auto& link : links_) link->close(code, reason);
  for (const auto& [extra, handle] : std::unordered_map(unopened_))
    if (const auto connection = handle.lock())
      std::static_pointer_cast<Endpoint::connection_type>(connection)
          ->terminate(wspp::error::make_error_code(wspp::error::general));
}

void WebsocketServer::Shard::cut_all() {
  for (const auto& link : links_) link->cut();
}

WebsocketServer::WebsocketServer(std::vector<IoThread*> shards, ServerOptions options,
                                 UpgradeHandler on_upgrade, RequestHandler on_request) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards_.push_back(std::make_shared<Shard>(i, *shards[i], options, on_upgrade, on_request));
    shards_.back()->start();
  }
}

WebsocketServer::~WebsocketServer() = default;

void WebsocketServer::adopt(AcceptedSocket socket, int port) {
  const auto& shard = *std::min_element(
      shards_.begin(), shards_.end(),
      [](const auto& a, const auto& b) { return a->connections < b->connections; });
  ++shard->connections;
  shard->thread().post([shard, socket = std::move(socket), port] { shard->adopt(socket, port); });
}

std::size_t WebsocketServer::connections() const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) sum += shard->connections;
  return sum;
}

void WebsocketServer::close_all(CloseCode code, const std::string& reason) {
  for (const auto& shard : shards_)
    shard->thread().post([shard, code, reason] { shard->close_all(code, reason); });
}

void WebsocketServer::cut_all() {
  for (const auto& shard : shards_) shard->thread().post([shard] { shard->cut_all(); });
}

}  // namespace signalbox::gateway
