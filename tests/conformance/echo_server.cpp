// An echo behind the gateway's own WebSocket layer, for suites that judge the layer and not what
// the gateway says through it: text comes back as text, binary as binary. Prints where it listens
// and ends with its standard input.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "gateway/listener.hpp"
#include "gateway/websocket_server.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::size_t kMessageBytesMax = 16 * 1024 * 1024;  // the suite's greatest
constexpr std::size_t kOutboxBytesMax = 4 * kMessageBytesMax;

class Echo final : public SocketSession {
 public:
  void on_open(ClientLink& link) override { link_ = &link; }
  void on_text(std::string_view text) override {
    link_->send(WebsocketServer::make_frame(std::string(text), {}));
  }
  void on_binary(std::string_view bytes) override {
    link_->send(WebsocketServer::make_binary_frame(std::string(bytes)));
  }
  void on_alive() override {}
  void on_writable() override {}
  void on_lagging(const StreamPlace&) override {}
  void on_tick() override {}
  void on_closed(CloseCode, std::string_view) override { link_ = nullptr; }

 private:
  ClientLink* link_ = nullptr;
};

int serve() {
  IoThread accepting("accept");
  IoThread shard("io");
  WebsocketServer server(
      {&shard},
      ServerOptions{.frame_bytes_max = kMessageBytesMax,
                    .socket = {.outbox_bytes_max = kOutboxBytesMax}},
      [](std::size_t, const UpgradeRequest&, int) {
        return UpgradeAnswer{.session = std::make_shared<Echo>()};
      },
      [](const HttpRequest&, int, const HttpAnswer& answer) {
        answer({.status = 404, .body = "an echo of WebSocket messages\n"});
      });
  auto listener = Listener::open(
      accepting, "127.0.0.1:0", [&](AcceptedSocket socket) { server.adopt(std::move(socket), 0); },
      [](const std::string& reason) { std::cerr << reason << "\n"; }, 10'000);
  if (!listener) {
    std::cerr << listener.error().message << "\n";
    return 1;
  }
  accepting.start();
  shard.start();
  (*listener)->start();
  std::cout << "listening on " << (*listener)->address() << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) continue;
  (*listener)->close();
  server.close_all(CloseCode::going_away, "the echo stops");
  shard.finish();
  accepting.finish();
  return 0;
}

}  // namespace
}  // namespace signalbox::gateway

int main() { return signalbox::gateway::serve(); }
