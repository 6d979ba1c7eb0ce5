// What arrives at a WebSocket: websocketpp as the gateway sets it up, on a transport in memory.
//   byte 0  0: frames, behind a handshake made for them; 1: all of it, from the request on
//   byte 1  n, at most 16
//   n bytes: the lengths, each less one, of the pieces that it comes in, over and over
//   the rest: what the client sends
#include "gateway/websocket_transport.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>
#include <websocketpp/transport/iostream/endpoint.hpp>

#include "event-store/model/assert.hpp"
#include "event-store/model/utf8.hpp"
#include "ops/client/websocket_frames.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::size_t kMessageBytesMax = 1000;
constexpr std::size_t kControlBytesMax = 125;
// Of output, beyond as many bytes as came in: an answer to the request, and a close.
constexpr std::size_t kAnswerBytesMax = 4096;
constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: signalbox.v1\r\n\r\n";

struct MemoryConfig : ServerConfig {
  using type = MemoryConfig;
  using transport_type = wspp::transport::iostream::endpoint<transport_config>;
};
using MemoryEndpoint = wspp::server<MemoryConfig>;

struct Plan {
  bool from_request = false;
  std::string_view pieces{};
  std::string_view bytes{};
};

Plan plan_of(std::string_view input) {
  if (input.size() < 2) return {};
  const std::size_t pieces =
      std::min<std::size_t>({static_cast<unsigned char>(input[1]), 16, input.size() - 2});
  return {(input[0] & 1) != 0, input.substr(2, pieces), input.substr(2 + pieces)};
}

// What became of a connection, the same however its bytes were cut.
struct Outcome {
  bool opened = false;
  bool refused = false;  // for what a frame says
  std::vector<std::pair<wspp::frame::opcode::value, std::string>> messages{};
  std::optional<SocketEnd> end{};
  std::string output{};
};

// One connection, from its first byte to its end. It answers every message.
class MemoryServer {
 public:
  MemoryServer() {
    endpoint_.set_user_agent("");
    endpoint_.set_max_message_size(kMessageBytesMax);
    endpoint_.set_max_http_body_size(kMessageBytesMax);
    endpoint_.set_validate_handler([this](const auto&) { return validate(); });
    endpoint_.set_http_handler([this](const auto&) {
      is_asked_ = true;
      connection_->defer_http_response();
    });
    endpoint_.set_open_handler([this](const auto&) { outcome_.opened = true; });
    endpoint_.set_close_handler([this](const auto&) { close(); });
    endpoint_.set_message_handler([this](const auto&, const MessagePtr& message) {
      take(message->get_opcode(), message->get_payload());
    });
    endpoint_.set_ping_handler([this](const auto&, const std::string& text) {
      control(text);
      return true;
    });
    endpoint_.set_pong_handler([this](const auto&, const std::string& text) { control(text); });
    connection_ = endpoint_.get_connection();
    connection_->register_ostream(&output_);
    connection_->start();
  }

  void receive(std::string_view bytes, std::string_view pieces) {
    for (std::size_t turn = 0; !bytes.empty(); ++turn) {
      const std::size_t piece =
          pieces.empty()
              ? bytes.size()
              : std::size_t{1} + static_cast<unsigned char>(pieces[turn % pieces.size()]);
      const std::size_t taken = connection_->read_some(bytes.data(), std::min(piece, bytes.size()));
      if (taken == 0) return;  // nothing more is read of it
      bytes.remove_prefix(taken);
    }
  }

  // The client goes; nothing of its connection stays.
  Outcome finish() {
    answer_request();
    connection_->eof();
    // One that reads no more is cut by its link, after a while.
    if (connection_->get_state() != wspp::session::state::closed)
      connection_->terminate(wspp::error::make_error_code(wspp::error::general));
    SIGNALBOX_ASSERT(outcome_.opened == outcome_.end.has_value());
    const std::weak_ptr<MemoryEndpoint::connection_type> gone = connection_;
    connection_ = nullptr;
    SIGNALBOX_ASSERT(gone.expired());
    outcome_.output = output_.str();
    return std::move(outcome_);
  }

 private:
  bool validate() {
    static const std::array<std::string, 1> kOrigins{"https://chat.example"};
    const auto handshake = judge_handshake(
        {read_request(*connection_, {}), connection_->get_requested_subprotocols()}, kOrigins);
    if (!handshake) {
      write_response(*connection_, handshake.error());
      return false;
    }
    std::error_code error;
    connection_->select_subprotocol(handshake->subprotocol, error);
    SIGNALBOX_ASSERT(!error);
    return true;
  }
  // A plain request, whose answer comes later.
  void answer_request() {
    if (!std::exchange(is_asked_, false)) return;
    write_response(*connection_, {.status = 200, .body = "{}"});
    std::error_code error;
    connection_->send_http_response(error);
    SIGNALBOX_ASSERT(!error);
  }
  void take(wspp::frame::opcode::value opcode, const std::string& payload) {
    SIGNALBOX_ASSERT(outcome_.opened && !outcome_.end);
    SIGNALBOX_ASSERT(payload.size() <= kMessageBytesMax);
    SIGNALBOX_ASSERT(opcode == wspp::frame::opcode::text || opcode == wspp::frame::opcode::binary);
    SIGNALBOX_ASSERT(opcode == wspp::frame::opcode::binary || is_utf8(payload));
    outcome_.messages.emplace_back(opcode, payload);
    connection_->send(std::string("ok"), wspp::frame::opcode::text);
  }
  void control(const std::string& text) {
    SIGNALBOX_ASSERT(outcome_.opened && !outcome_.end && text.size() <= kControlBytesMax);
  }
  void close() {
    SIGNALBOX_ASSERT(outcome_.opened && !outcome_.end);
    outcome_.end = end_seen(*connection_);
    // It is stated in client_disconnected, as text, and RFC 6455 has the code or the gateway
    // itself.
    const int code = number(outcome_.end->code);
    SIGNALBOX_ASSERT(is_utf8(outcome_.end->reason) && code >= 1000 && code < 5000);
    const auto local = connection_->get_local_close_code();
    outcome_.refused =
        !has_remote_end(*connection_) && (local == wspp::close::status::protocol_error ||
                                          local == wspp::close::status::invalid_payload ||
                                          local == wspp::close::status::message_too_big);
  }

  MemoryEndpoint endpoint_;
  MemoryEndpoint::connection_ptr connection_;
  std::ostringstream output_;
  bool is_asked_ = false;
  Outcome outcome_;
};

// What a client reads that shares no code with the gateway.
void check_frames(std::string_view frames) {
  client::FrameParser parser(kMessageBytesMax);
  parser.feed(frames);
  bool closed = false;
  while (true) {
    const auto next = parser.next();
    SIGNALBOX_ASSERT(!std::holds_alternative<client::ProtocolFault>(next));
    const auto* message = std::get_if<client::Message>(&next);
    if (message == nullptr) return;
    SIGNALBOX_ASSERT(!closed);
    closed = message->opcode == client::Opcode::close;
  }
}

void check_output(const Outcome& outcome) {
  const std::string_view output = outcome.output;
  if (output.empty()) {
    SIGNALBOX_ASSERT(!outcome.opened);
    return;
  }
  const std::size_t end = output.find("\r\n\r\n");
  SIGNALBOX_ASSERT(output.starts_with("HTTP/1.") && end != output.npos);
  SIGNALBOX_ASSERT(outcome.opened == output.starts_with("HTTP/1.1 101 "));
  if (outcome.opened)
    check_frames(output.substr(end + 4));
  else
    SIGNALBOX_ASSERT(output.substr(0, end).find("Cache-Control: no-store") != output.npos);
}

Outcome play(const Plan& plan, std::string_view pieces) {
  MemoryServer server;
  if (!plan.from_request) server.receive(kUpgrade, {});
  server.receive(plan.bytes, pieces);
  Outcome outcome = server.finish();
  check_output(outcome);
  SIGNALBOX_ASSERT(outcome.opened || plan.from_request);
  SIGNALBOX_ASSERT(outcome.output.size() <= plan.bytes.size() + kAnswerBytesMax);
  return outcome;
}

}  // namespace
}  // namespace signalbox::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const gateway::Plan plan = gateway::plan_of(fuzz::text_of(data, size));
  const gateway::Outcome whole = gateway::play(plan, {});
  const gateway::Outcome cut = gateway::play(plan, plan.pieces);
  SIGNALBOX_ASSERT(cut.opened == whole.opened && cut.messages == whole.messages);
  if (whole.opened ? !whole.refused : whole.output.starts_with("HTTP/1.1 200 ")) fuzz::accept();
  if (!cut.opened) return 0;
  SIGNALBOX_ASSERT(cut.output == whole.output);
  SIGNALBOX_ASSERT(cut.end->code == whole.end->code && cut.end->reason == whole.end->reason);
  return 0;
}
