#include "ops/client/websocket_client.hpp"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <functional>
#include <optional>

#include "tests/ops/bench/python_server.hpp"

namespace signalbox::client {
namespace {

using namespace std::chrono_literals;
using Kind = WebSocketEnd::Kind;

bench::PythonServer& server() {
  static bench::PythonServer instance(SIGNALBOX_SOURCE_DIR "/tests/ops/client/websocket_server.py");
  return instance;
}

struct Seen : WebSocketSink {
  void on_open() override {
    open = true;
    if (when_open) when_open();
  }
  void on_text(std::string_view text) override {
    texts.emplace_back(text);
    if (texts.size() == texts_wanted) when_all();
  }
  void on_end(const WebSocketEnd& ended) override {
    ++ends;
    end = ended;
  }
  bool open = false;
  std::vector<std::string> texts;
  std::size_t texts_wanted = 0;
  int ends = 0;
  std::optional<WebSocketEnd> end;
  std::function<void()> when_open;
  std::function<void()> when_all;
};

class WebSocketClientTest : public testing::Test {
 protected:
  WebSocketRequest request(const std::string& path) {
    return {.url = parse_websocket_url(server().url(path)),
            .headers = {{"Authorization", "Bearer t"}},
            .subprotocol = "signalbox.v1",
            .connect_max = 10s,
            .silence_max = 20s};
  }
  // Runs until the socket ended; closes it once `texts` messages came.
  void play(WebSocketRequest wanted, std::size_t texts) {
    seen_.texts_wanted = texts;
    seen_.when_all = [this] { client_->close(1000); };
    client_ = WebSocketClient::connect(io_, std::move(wanted), seen_);
    io_.run_for(30s);
    ASSERT_EQ(seen_.ends, 1);
  }

  asio::io_context io_{1};
  Seen seen_;
  std::shared_ptr<WebSocketClient> client_;
};

TEST_F(WebSocketClientTest, SendsMaskedTextsOfEveryLengthAndGetsThemBack) {
  const std::vector<std::string> texts{"",
                                       "hallo, wörld",
                                       std::string(125, 'a'),
                                       std::string(126, 'b'),
                                       std::string(65535, 'c'),
                                       std::string(65536, 'd'),
                                       std::string(300000, 'e')};
  seen_.when_open = [&] {
    for (const std::string& text : texts) client_->send_text(text);
  };
  play(request("/echo"), texts.size());
  EXPECT_EQ(seen_.texts, texts);
  EXPECT_EQ(seen_.end->kind, Kind::closed);
  EXPECT_EQ(seen_.end->code, 1000);
}

TEST_F(WebSocketClientTest, AnswersPings) {
  play(request("/ping"), 1);
  EXPECT_EQ(seen_.texts, std::vector<std::string>{"pong came"});
}

TEST_F(WebSocketClientTest, PutsFragmentsTogether) {
  play(request("/fragments"), 2);
  EXPECT_EQ(seen_.texts, (std::vector<std::string>{"one two thrée", std::string(70000, 'x')}));
}

TEST_F(WebSocketClientTest, SendsItsHeaders) {
  play(request("/header"), 1);
  EXPECT_EQ(seen_.texts, std::vector<std::string>{"Bearer t"});
}

TEST_F(WebSocketClientTest, TellsTheServersCloseCodeAndReason) {
  play(request("/close"), 1);
  EXPECT_EQ(seen_.end->kind, Kind::closed);
  EXPECT_EQ(seen_.end->code, 4000);
  EXPECT_EQ(seen_.end->reason, "draining");
}

TEST_F(WebSocketClientTest, AnswersTheClosingHandshakeItBegan) {
  seen_.when_open = [&] { client_->close(1000); };
  play(request("/closed-by-client"), 1);
  EXPECT_EQ(seen_.end->code, 1000);
  seen_ = {};
  io_.restart();
  play(request("/last-close"), 1);
  EXPECT_EQ(seen_.texts, std::vector<std::string>{"1000"});
}

TEST_F(WebSocketClientTest, TellsALostConnectionFromAClosedOne) {
  play(request("/drop"), 1);
  EXPECT_EQ(seen_.end->kind, Kind::broken);
}

TEST_F(WebSocketClientTest, TellsARefusedHandshakeByItsStatus) {
  play(request("/refuse"), 1);
  EXPECT_FALSE(seen_.open);
  EXPECT_EQ(seen_.end->kind, Kind::refused);
  EXPECT_EQ(seen_.end->code, 403);
}

TEST_F(WebSocketClientTest, TakesAnotherSubprotocolThanItsOwnForAFault) {
  auto wanted = request("/echo");
  wanted.subprotocol = "other.v1";
  play(wanted, 1);
  EXPECT_EQ(seen_.end->kind, Kind::fault);
}

TEST_F(WebSocketClientTest, TakesABinaryMessageForAFault) {
  play(request("/binary"), 1);
  EXPECT_EQ(seen_.end->kind, Kind::fault);
}

TEST_F(WebSocketClientTest, EndsWhenItHearsNothing) {
  auto wanted = request("/silent");
  wanted.silence_max = 50ms;
  play(wanted, 1);
  EXPECT_TRUE(seen_.open);
  EXPECT_EQ(seen_.end->kind, Kind::broken);
}

TEST_F(WebSocketClientTest, TellsWhenNobodyListens) {
  auto wanted = request("/echo");
  wanted.url.port = "1";
  play(wanted, 1);
  EXPECT_EQ(seen_.end->kind, Kind::unreachable);
}

TEST_F(WebSocketClientTest, CallsNobodyAfterAbort) {
  seen_.when_open = [&] { client_->abort(); };
  client_ = WebSocketClient::connect(io_, request("/echo"), seen_);
  io_.run_for(30s);
  EXPECT_TRUE(seen_.open);
  EXPECT_EQ(seen_.ends, 0);
}

TEST(WebSocketUrl, IsReadInItsParts) {
  const auto url = parse_websocket_url("ws://localhost:8080/ws?x=1");
  EXPECT_EQ(url.host, "localhost");
  EXPECT_EQ(url.port, "8080");
  EXPECT_EQ(url.path, "/ws?x=1");
  EXPECT_EQ(parse_websocket_url("ws://h").port, "80");
  EXPECT_EQ(parse_websocket_url("ws://h").path, "/");
  EXPECT_FALSE(url.secure);
  const auto secure = parse_websocket_url("wss://[::1]/ws");
  EXPECT_EQ(secure.host, "::1");
  EXPECT_EQ(secure.port, "443");
  EXPECT_TRUE(secure.secure);
  EXPECT_EQ(parse_websocket_url("ws://[::1]:8080").port, "8080");
  EXPECT_TRUE(parse_websocket_url("ws://[::1").host.empty());
  EXPECT_TRUE(parse_websocket_url("http://h/ws").host.empty());
  EXPECT_TRUE(parse_websocket_url("ws://h:port/ws").host.empty());
}

}  // namespace
}  // namespace signalbox::client
