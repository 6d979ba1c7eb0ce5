#include "gateway/websocket_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <span>
#include <unordered_map>
#include <utility>

#include "gateway/tcp_progress.hpp"
#include "gateway/tcp_send.hpp"
#include "gateway/websocket_transport.hpp"

namespace signalbox::gateway {
namespace {

// After the answer to a request: for what its client still sends.
constexpr std::chrono::milliseconds kAnswerLinger{1'000};
constexpr std::chrono::milliseconds kTick{1'000};  // of a link
constexpr std::size_t kTurns = 10;                 // in one

// websocketpp finds out the byte order when it is first asked, in a plain static. It is asked here,
// before there are threads, so that no two of them find it out at once.
[[maybe_unused]] const std::uint64_t kByteOrderFound = wspp::lib::net::_htonll(1);

// The one buffer all sockets share: header and payload as they go to the wire.
class PreparedFrame final : public WireFrame {
 public:
  PreparedFrame(wspp::frame::opcode::value opcode, std::string payload, const FramePart& part)
      : WireFrame(part), message_(nullptr, opcode, 0) {
    const std::size_t size = payload.size();
    message_.get_raw_payload() = std::move(payload);
    message_.set_header(
        wspp::frame::prepare_header(wspp::frame::basic_header(opcode, size, true, false, false),
                                    wspp::frame::extended_header(size)));
    message_.set_prepared(true);
  }
  [[nodiscard]] std::string_view text() const noexcept override { return message_.get_payload(); }
  [[nodiscard]] std::string_view header() const { return message_.get_header(); }
  [[nodiscard]] std::size_t wire_bytes() const { return header().size() + text().size(); }
  [[nodiscard]] static const PreparedFrame& of(const FramePtr& frame) {
    return static_cast<const PreparedFrame&>(*frame);
  }
  [[nodiscard]] static MessagePtr message_of(const FramePtr& frame) {
    return MessagePtr(frame, &of(frame).message_);
  }

 private:
  mutable ServerConfig::message_type message_;  // only read, through a pointer that could change it
};

// What is left of a frame once so many of its bytes are with the kernel.
MessagePtr rest_of(const PreparedFrame& frame, std::size_t taken) {
  std::string bytes(frame.header());
  bytes.append(frame.text()).erase(0, taken);
  auto rest = std::make_shared<ServerConfig::message_type>(nullptr, wspp::frame::opcode::text, 0);
  rest->get_raw_payload() = std::move(bytes);
  rest->set_prepared(true);
  return rest;
}

iovec part_of(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

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
  // What the kernel takes at once goes past the library, whose way costs about as much again.
  void write(std::span<const FramePtr> frames) override {
    std::size_t taken = may_send_at_once() ? send_first(frames) : 0;
    auto next = frames.begin();
    for (; next != frames.end() && taken >= PreparedFrame::of(*next).wire_bytes(); ++next)
      taken -= PreparedFrame::of(*next).wire_bytes();
    if (next == frames.end()) return;
    connection_.cork();
    if (taken > 0) connection_.send(rest_of(PreparedFrame::of(*next++), taken));
    for (; next != frames.end(); ++next) connection_.send(PreparedFrame::message_of(*next));
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
  static constexpr std::size_t kFramesAtOnce = 64;

  // Nothing may be overtaken but a ping or a pong, which may come anywhere.
  [[nodiscard]] bool may_send_at_once() const {
    return connection_.get_state() == wspp::session::state::open && in_flight() == 0 &&
           queued() == 0 && !connection_.is_secure();
  }
  // How many bytes of the first of them the kernel has taken.
  [[nodiscard]] std::size_t send_first(std::span<const FramePtr> frames) {
    std::array<iovec, 2 * kFramesAtOnce> parts;
    std::size_t count = 0;
    for (const FramePtr& frame : frames.first(std::min(frames.size(), kFramesAtOnce))) {
      parts[count++] = part_of(PreparedFrame::of(frame).header());
      parts[count++] = part_of(frame->text());
    }
    return send_at_once(connection_.get_raw_socket().native_handle(),
                        std::span(parts).first(count));
  }

  Endpoint::connection_type& connection_;
};

}  // namespace

FramePtr WebsocketServer::make_frame(std::string text, const FramePart& part) {
  return std::make_shared<const PreparedFrame>(wspp::frame::opcode::text, std::move(text), part);
}

FramePtr WebsocketServer::make_binary_frame(std::string bytes) {
  return std::make_shared<const PreparedFrame>(wspp::frame::opcode::binary, std::move(bytes),
                                               FramePart{});
}

class WebsocketServer::Shard final : public SocketShard,
                                     public ConnectionOwner,
                                     public std::enable_shared_from_this<Shard> {
 public:
  Shard(std::size_t index, IoThread& thread, ServerOptions options, UpgradeHandler on_upgrade,
        RequestHandler on_request);

  void start();
  void adopt(const AcceptedSocket& socket, int port, Security security);
  void replace_tls(std::shared_ptr<asio::ssl::context> tls) { tls_ = std::move(tls); }
  void replace_limits(std::size_t frame_bytes_max, std::chrono::milliseconds handshake,
                      const SocketLimits& socket);
  void close_all(CloseCode code, const std::string& reason);
  void cut_all();
  [[nodiscard]] IoThread& thread() { return thread_; }
  // Counted from adopt() on, so that a burst is spread before its first handshake.
  std::atomic<std::size_t> connections{0};

  void flush_soon(std::shared_ptr<SocketLink> link) override;
  void forget(SocketLink& link) override;
  void connection_gone(ConnectionExtra& extra) override;

 private:
  void secure(Endpoint::connection_type& connection);
  bool validate(const wspp::connection_hdl& handle);
  void answer_http(const wspp::connection_hdl& handle);
  void send_answer(const wspp::connection_hdl& handle, const HttpResponse& response);
  void hurry_http();
  void open(const wspp::connection_hdl& handle);
  void flush();
  void tick();
  [[nodiscard]] ConnectionPtr connection_of(const wspp::connection_hdl& handle) {
    return endpoint_.get_con_from_hdl(handle);
  }

  const std::size_t index_;
  IoThread& thread_;
  ServerOptions options_;
  const UpgradeHandler on_upgrade_;
  const RequestHandler on_request_;
  std::shared_ptr<asio::ssl::context> tls_;
  Endpoint endpoint_;
  bool closing_ = false;
  using Links = std::vector<std::shared_ptr<SocketLink>>;
  template <class Act>
  void for_each_link(const Act& act) {
    for (const Links& links : links_)
      for (const auto& link : links) act(*link);
  }
  std::array<Links, kTurns> links_;  // open, by the turn of their ticks
  std::size_t turn_ = 0;             // that ticks next
  std::size_t last_turn_ = 0;        // that a link was given
  std::unordered_map<ConnectionExtra*, wspp::connection_hdl> unopened_;
  // Plain requests, from being read to the end of their connection. websocketpp forgets the
  // connection whose answer comes later, and has no time limit for it.
  struct HttpWait {
    ConnectionPtr kept;  // none: its answer is being written
    std::chrono::steady_clock::time_point until;
    std::size_t writes = 0;  // begun, when this was last looked at
  };
  std::unordered_map<ConnectionExtra*, HttpWait> http_;
  std::vector<std::shared_ptr<SocketLink>> dirty_;  // wait for flush()
};

WebsocketServer::Shard::Shard(std::size_t index, IoThread& thread, ServerOptions options,
                              UpgradeHandler on_upgrade, RequestHandler on_request)
    : index_(index),
      thread_(thread),
      options_(options),
      on_upgrade_(std::move(on_upgrade)),
      on_request_(std::move(on_request)),
      tls_(options_.tls) {
  endpoint_.init_asio(&thread.context());
  endpoint_.set_user_agent("");
  endpoint_.set_max_http_body_size(options_.http_body_bytes_max);
  replace_limits(options_.frame_bytes_max, options_.handshake, options_.socket);
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
      [this](const auto& handle, const std::string&) { connection_of(handle)->link->ponged(); });
}

void WebsocketServer::Shard::replace_limits(std::size_t frame_bytes_max,
                                            std::chrono::milliseconds handshake,
                                            const SocketLimits& socket) {
  options_.frame_bytes_max = frame_bytes_max;
  options_.handshake = handshake;
  options_.socket = socket;
  endpoint_.set_max_message_size(frame_bytes_max);
  endpoint_.set_open_handshake_timeout(static_cast<long>(handshake.count()));
  // The links watch their ends themselves; this one is for connections that have none any more.
  endpoint_.set_close_handshake_timeout(
      static_cast<long>((socket.close_linger + std::chrono::seconds(2)).count()));
}

void WebsocketServer::Shard::start() {
  thread_.post([this] { tick(); });
}

void WebsocketServer::Shard::adopt(const AcceptedSocket& socket, int port, Security security) {
  const ConnectionPtr connection = closing_ ? nullptr : endpoint_.get_connection();
  if (!connection) {
    --connections;
    ::close(socket.descriptor);
    return;
  }
  connection->shard = shared_from_this();
  connection->port = port;
  connection->opening->remote_address = socket.remote_address;
  connection->linger = kAnswerLinger;
  if (security == Security::tls) secure(*connection);
  unopened_.emplace(connection.get(), connection);
  std::error_code error;
  connection->get_raw_socket().assign(socket.is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                                      socket.descriptor, error);
  if (!error) connection->get_raw_socket().non_blocking(true, error);
  if (error) {
    ::close(socket.descriptor);
    connection->terminate(error);
    return;
  }
  connection->start();
}

// One limit for the handshakes of TLS and of HTTP together.
void WebsocketServer::Shard::secure(Endpoint::connection_type& connection) {
  const auto until = std::chrono::steady_clock::now() + options_.handshake;
  connection.secure(tls_, until);
  connection.set_tcp_post_init_handler([until, &connection](const auto&) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    connection.set_open_handshake_timeout(std::max<long>(1, static_cast<long>(left.count())));
  });
}

bool WebsocketServer::Shard::validate(const wspp::connection_hdl& handle) {
  const ConnectionPtr connection = connection_of(handle);
  const UpgradeRequest request{read_request(*connection, options_.trusted_proxies),
                               connection->get_requested_subprotocols()};
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
  const HttpRequest request = read_request(*connection, options_.trusted_proxies);
  std::error_code error = connection->defer_http_response();
  if (error) return connection->terminate(error);
  http_[connection.get()] = {connection, std::chrono::steady_clock::now() + options_.handshake};
  on_request_(request, connection->port,
              [self = weak_from_this(), &thread = thread_, handle](HttpResponse response) {
                thread.post([self, handle, response = std::move(response)] {
                  if (const auto shard = self.lock()) shard->send_answer(handle, response);
                });
              });
}

void WebsocketServer::Shard::send_answer(const wspp::connection_hdl& handle,
                                         const HttpResponse& response) {
  const auto connection = std::static_pointer_cast<Endpoint::connection_type>(handle.lock());
  if (!connection) return;
  const auto found = http_.find(connection.get());
  if (found == http_.end() || !found->second.kept) return;  // it came too late
  found->second = {nullptr, std::chrono::steady_clock::now() + options_.handshake};
  connection->until_sent = response.until_sent;
  write_response(*connection, response);
  std::error_code error;
  connection->send_http_response(error);
  if (error) connection->terminate(error);
}

// Requests whose handler gives no answer in time get one; a client that for so long takes nothing
// of its answer loses it.
void WebsocketServer::Shard::hurry_http() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<ConnectionExtra*> late;
  for (auto& [extra, wait] : http_) {
    const auto handle = wait.kept ? unopened_.end() : unopened_.find(extra);
    const std::size_t writes =
        handle == unopened_.end() ? wait.writes : connection_of(handle->second)->writes_begun();
    if (std::exchange(wait.writes, writes) != writes) wait.until = now + options_.handshake;
    if (now >= wait.until) late.push_back(extra);
  }
  for (ConnectionExtra* const extra : late) {
    const auto handle = unopened_.find(extra);
    if (handle == unopened_.end()) continue;
    const ConnectionPtr connection = connection_of(handle->second);
    if (http_.at(extra).kept)
      send_answer(handle->second, come_back(503, "overloaded", "this took too long"));
    else
      connection->terminate(wspp::error::make_error_code(wspp::error::open_handshake_timeout));
  }
}

void WebsocketServer::Shard::open(const wspp::connection_hdl& handle) {
  const ConnectionPtr connection = connection_of(handle);
  unopened_.erase(connection.get());
  connection->upgraded();
  const auto link = connection->link;
  link->turn = last_turn_ = (last_turn_ + 1) % kTurns;
  Links& links = links_[link->turn];
  link->index = links.size();
  links.push_back(link);
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
  Links& links = links_[link.turn];
  std::swap(links[link.index], links.back());
  links[link.index]->index = link.index;
  links.pop_back();
}

void WebsocketServer::Shard::connection_gone(ConnectionExtra& extra) {
  unopened_.erase(&extra);
  http_.erase(&extra);
  --connections;
}

// A part of the links at a time: what they hold back until their tick does not come at once.
void WebsocketServer::Shard::tick() {
  // Closing is always deferred to flush(), so the list does not change here.
  const MonotonicTime now = std::chrono::steady_clock::now();
  for (const auto& link : links_[turn_]) link->tick(now);
  if (turn_ == 0) hurry_http();
  turn_ = (turn_ + 1) % kTurns;
  thread_.call_at(now + kTick / kTurns, [this] { tick(); });
}

void WebsocketServer::Shard::close_all(CloseCode code, const std::string& reason) {
  closing_ = true;
  for_each_link([&](SocketLink& link) { link.close(code, reason); });
  for (const auto& [extra, handle] : std::unordered_map(unopened_))
    if (const auto connection = handle.lock())
      std::static_pointer_cast<Endpoint::connection_type>(connection)
          ->terminate(wspp::error::make_error_code(wspp::error::general));
  // Their end takes them off the list, so it is not looked at while they end.
  std::vector<ConnectionPtr> ended;
  for (auto& [extra, wait] : http_) ended.push_back(std::exchange(wait.kept, nullptr));
}

void WebsocketServer::Shard::cut_all() {
  for_each_link([](SocketLink& link) { link.cut(); });
}

WebsocketServer::WebsocketServer(std::vector<IoThread*> shards, ServerOptions options,
                                 UpgradeHandler on_upgrade, RequestHandler on_request) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards_.push_back(std::make_shared<Shard>(i, *shards[i], options, on_upgrade, on_request));
    shards_.back()->start();
  }
}

WebsocketServer::~WebsocketServer() = default;

void WebsocketServer::adopt(AcceptedSocket socket, int port, Security security) {
  const auto& shard = *std::min_element(
      shards_.begin(), shards_.end(),
      [](const auto& a, const auto& b) { return a->connections < b->connections; });
  ++shard->connections;
  shard->thread().post([shard, socket = std::move(socket), port, security] {
    shard->adopt(socket, port, security);
    // A request that has come already is in line before this.
    shard->thread().post([turn = socket.turn] {});
  });
}

void WebsocketServer::replace_tls(const std::shared_ptr<asio::ssl::context>& tls) {
  for (const auto& shard : shards_) shard->thread().post([shard, tls] { shard->replace_tls(tls); });
}

void WebsocketServer::replace_limits(std::size_t frame_bytes_max,
                                     std::chrono::milliseconds handshake,
                                     const SocketLimits& socket) {
  for (const auto& shard : shards_)
    shard->thread().post([shard, frame_bytes_max, handshake, socket] {
      shard->replace_limits(frame_bytes_max, handshake, socket);
    });
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
