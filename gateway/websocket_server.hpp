// WebsocketServer: sockets and HTTP on websocketpp, of which nothing shows here. One shard per
// thread: a connection lives on one shard from its hand-off to its end. It knows nothing of
// signalbox's protocol: what is behind a socket is a SocketSession, made by the factory when the
// client asks for the upgrade; every other request goes to the HTTP handler.
// Threads: adopt(), replace_tls() and the counters from any; all the rest happens on the shards.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event-store/model/http.hpp"
#include "gateway/address_range.hpp"
#include "gateway/client_link.hpp"
#include "gateway/handshake.hpp"
#include "gateway/io_thread.hpp"
#include "gateway/listener.hpp"
#include "gateway/socket_link.hpp"
#include "gateway/wire_frame.hpp"

namespace asio::ssl {
class context;
}

namespace signalbox::gateway {

struct ServerOptions {
  std::size_t frame_bytes_max = 256 * 1024;     // of a client frame; beyond: 1009
  std::size_t http_body_bytes_max = 64 * 1024;  // beyond: 413
  // Reading a request; then for its answer to be made (beyond: 503), then for it to be taken.
  std::chrono::milliseconds handshake{10'000};
  // Whose X-Forwarded-For says where a request came from.
  std::vector<AddressRange> trusted_proxies{};
  std::shared_ptr<asio::ssl::context> tls{};  // for connections that are adopted as secure
  SocketLimits socket{};
};

enum class Security { none, tls };

struct UpgradeAnswer {
  std::string subprotocol{};
  std::shared_ptr<SocketSession> session{};  // none: refused with `refusal`
  HttpResponse refusal{};
};

class WebsocketServer {
 public:
  // Runs on the shard of the connection. `port` is the number given to adopt().
  using UpgradeHandler =
      std::function<UpgradeAnswer(std::size_t shard, const UpgradeRequest&, int port)>;
  // The same. The answer may come from any thread, at latest before the shards' threads finish.
  using RequestHandler = std::function<void(const HttpRequest&, int port, HttpAnswer)>;

  // The threads outlive the server.
  WebsocketServer(std::vector<IoThread*> shards, ServerOptions options, UpgradeHandler on_upgrade,
                  RequestHandler on_request);
  ~WebsocketServer();  // after every shard's thread has finished
  WebsocketServer(const WebsocketServer&) = delete;
  WebsocketServer& operator=(const WebsocketServer&) = delete;

  // Takes an accepted connection to the shard that has the fewest.
  void adopt(AcceptedSocket socket, int port, Security security = Security::none);
  // For connections that come from now on.
  void replace_tls(const std::shared_ptr<asio::ssl::context>& tls);
  // Of open sockets too, but for `frame_bytes_max` and `handshake`. Returns at once.
  void replace_limits(std::size_t frame_bytes_max, std::chrono::milliseconds handshake,
                      const SocketLimits& socket);
  // Connections of all kinds, from hand-off to the close of the descriptor.
  [[nodiscard]] std::size_t connections() const;
  // Closes all sockets; with their threads still running. Returns at once.
  void close_all(CloseCode code, const std::string& reason);
  // Ends those that are still open, without a word. Returns at once.
  void cut_all();

  // Frames for links of any server of this class.
  [[nodiscard]] static FramePtr make_frame(std::string text, const FramePart& part);
  [[nodiscard]] static FramePtr make_binary_frame(std::string bytes);

 private:
  class Shard;
  std::vector<std::shared_ptr<Shard>> shards_;
};

}  // namespace signalbox::gateway
