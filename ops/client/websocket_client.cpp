#include "ops/client/websocket_client.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <asio/connect.hpp>
#include <asio/read_until.hpp>
#include <asio/ssl/host_name_verification.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/write.hpp>
#include <cctype>

namespace signalbox::client {

namespace {

constexpr std::size_t kHandshakeBytesMax = 16384;
constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  const int written =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  return base64(bytes.data(), bytes.size());
}

MaskKey random_mask() {
  MaskKey key{};
  RAND_bytes(key.data(), static_cast<int>(key.size()));
  return key;
}

std::string accept_of(const std::string& key) {
  const std::string text = key + std::string(kAcceptGuid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  return base64(digest.data(), size);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The value of a header of a response, without blanks around it; empty where it is absent.
std::string header_of(std::string_view head, std::string_view name) {
  std::size_t line = head.find("\r\n");
  while (line != std::string_view::npos && line + 2 < head.size()) {
    const std::size_t start = line + 2;
    line = head.find("\r\n", start);
    const std::string_view text = head.substr(start, line - start);
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || lower(text.substr(0, colon)) != name) continue;
    const std::size_t first = text.find_first_not_of(" \t", colon + 1);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
  }
  return {};
}

int status_of(std::string_view head) {
  if (head.size() < 12 || !head.starts_with("HTTP/1.1 ")) return 0;
  int status = 0;
  for (std::size_t i = 9; i < 12; ++i) {
    if (head[i] < '0' || head[i] > '9') return 0;
    status = 10 * status + (head[i] - '0');
  }
  return status;
}

}  // namespace

WebSocketUrl parse_websocket_url(std::string_view text) {
  WebSocketUrl url;
  url.secure = text.starts_with("wss://");
  if (!url.secure && !text.starts_with("ws://")) return {};
  text.remove_prefix(text.find("//") + 2);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view authority = text.substr(0, slash);
  // In brackets the colons are the address's own.
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return {};
  const std::size_t colon = authority.find(':', bracket);
  url.host = authority.substr(0, std::min(colon, authority.size()));
  if (bracket != 0) url.host = authority.substr(1, bracket - 1);
  url.port = colon == std::string_view::npos ? (url.secure ? "443" : "80")
                                             : std::string(authority.substr(colon + 1));
  url.path = slash == text.size() ? "/" : std::string(text.substr(slash));
  if (url.port.empty() || url.port.find_first_not_of("0123456789") != std::string::npos) return {};
  return url;
}

std::shared_ptr<WebSocketClient> WebSocketClient::connect(asio::io_context& io,
                                                          WebSocketRequest request,
                                                          WebSocketSink& sink) {
  std::shared_ptr<WebSocketClient> client(new WebSocketClient(io, std::move(request), sink));
  client->watch(client->request_.connect_max);
  client->resolve();
  return client;
}

WebSocketClient::WebSocketClient(asio::io_context& io, WebSocketRequest request,
                                 WebSocketSink& sink)
    : request_(std::move(request)),
      sink_(&sink),
      resolver_(io),
      stream_(io, request_.tls),
      watchdog_(io),
      key_(random_key()),
      parser_(request_.message_bytes_max) {}

void WebSocketClient::resolve() {
  resolver_.async_resolve(
      request_.url.host, request_.url.port,
      [self = shared_from_this()](const asio::error_code& failed, const auto& found) {
        if (failed) return self->end(WebSocketEnd::Kind::unreachable, 0, failed.message());
        asio::async_connect(
            self->stream_.socket(), found, [self](const asio::error_code& error, const auto&) {
              if (error) return self->end(WebSocketEnd::Kind::unreachable, 0, error.message());
              asio::error_code ignored;  // a socket without it is slower, not wrong
              self->stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
              self->stream_.tls() == nullptr ? self->connected() : self->greet();
            });
      });
}

void WebSocketClient::greet() {
  auto& tls = *stream_.tls();
  // An address is no name that a server could be told.
  asio::error_code is_name;
  asio::ip::make_address(request_.url.host, is_name);
  if (is_name) SSL_set_tlsext_host_name(tls.native_handle(), request_.url.host.c_str());
  tls.set_verify_callback(asio::ssl::host_name_verification(request_.url.host));
  tls.async_handshake(
      asio::ssl::stream_base::client, [self = shared_from_this()](const asio::error_code& error) {
        if (self->sink_ == nullptr) return;
        if (!error) return self->connected();
        const long verified = SSL_get_verify_result(self->stream_.tls()->native_handle());
        self->end(WebSocketEnd::Kind::unreachable, 0,
                  "TLS: " + (verified == X509_V_OK
                                 ? error.message()
                                 : "the certificate is not accepted: " +
                                       std::string(X509_verify_cert_error_string(verified))));
      });
}

void WebSocketClient::connected() {
  if (sink_ == nullptr) return;
  sink_->on_connected();
  if (sink_ != nullptr) send_handshake();
}

void WebSocketClient::send_handshake() {
  const bool is_ipv6 = request_.url.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + request_.url.host + "]" : request_.url.host;
  handshake_ = "GET " + request_.url.path + " HTTP/1.1\r\nHost: " + host + ":" + request_.url.port +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: " +
               key_ + "\r\nSec-WebSocket-Protocol: " + request_.subprotocol + "\r\n";
  for (const auto& [name, value] : request_.headers) handshake_ += name + ": " + value + "\r\n";
  handshake_ += "\r\n";
  asio::async_write(stream_, asio::buffer(handshake_),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      if (error)
                        return self->end(WebSocketEnd::Kind::unreachable, 0, error.message());
                      self->handshake_.clear();
                      self->read_handshake();
                    });
}

void WebSocketClient::read_handshake() {
  asio::async_read_until(
      stream_, asio::dynamic_buffer(handshake_, kHandshakeBytesMax), "\r\n\r\n",
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->sink_ == nullptr) return;
        if (error) return self->end(WebSocketEnd::Kind::unreachable, 0, error.message());
        const std::string head = self->handshake_.substr(0, size);
        if (const int status = status_of(head); status != 101)
          return self->end(status == 0 ? WebSocketEnd::Kind::fault : WebSocketEnd::Kind::refused,
                           status, head.substr(0, head.find("\r\n")));
        if (const std::string fault = self->handshake_fault(head); !fault.empty())
          return self->end(WebSocketEnd::Kind::fault, 0, fault);
        self->open_ = true;
        self->parser_.feed(std::string_view(self->handshake_).substr(size));
        self->watch(self->request_.silence_max);
        self->sink_->on_open();
        if (self->take_messages()) self->read();
      });
}

std::string WebSocketClient::handshake_fault(std::string_view head) const {
  if (lower(header_of(head, "upgrade")) != "websocket") return "no Upgrade: websocket";
  if (lower(header_of(head, "connection")).find("upgrade") == std::string::npos)
    return "no Connection: Upgrade";
  if (header_of(head, "sec-websocket-accept") != accept_of(key_))
    return "Sec-WebSocket-Accept does not answer the key";
  if (header_of(head, "sec-websocket-protocol") != request_.subprotocol)
    return "the server did not choose the subprotocol " + request_.subprotocol;
  if (!header_of(head, "sec-websocket-extensions").empty())
    return "the server chose an extension that was not offered";
  return {};
}

void WebSocketClient::read() {
  stream_.async_read_some(
      asio::buffer(input_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->sink_ == nullptr) return;
        if (error) return self->end(WebSocketEnd::Kind::broken, 0, error.message());
        self->watch(self->request_.silence_max);
        self->parser_.feed(std::string_view(self->input_.data(), size));
        if (self->take_messages()) self->read();
      });
}

bool WebSocketClient::take_messages() {
  while (sink_ != nullptr) {
    const auto next = parser_.next();
    if (std::holds_alternative<NeedMore>(next)) return true;
    if (const auto* fault = std::get_if<ProtocolFault>(&next)) {
      end(WebSocketEnd::Kind::fault, 0, fault->what);
      return false;
    }
    if (!take(std::get<Message>(next))) return false;
  }
  return false;
}

bool WebSocketClient::take(const Message& message) {
  switch (message.opcode) {
    case Opcode::text: sink_->on_text(message.payload); break;
    case Opcode::ping: send(Opcode::pong, message.payload); break;
    case Opcode::pong: break;
    case Opcode::close: {
      if (message.payload.size() == 1) {
        end(WebSocketEnd::Kind::fault, 0, "a close frame of one byte");
        return false;
      }
      int code = 1005;
      if (message.payload.size() >= 2)
        code = static_cast<std::uint8_t>(message.payload[0]) << 8 |
               static_cast<std::uint8_t>(message.payload[1]);
      send(Opcode::close, message.payload.substr(0, 2));
      end(WebSocketEnd::Kind::closed, code,
          message.payload.size() > 2 ? message.payload.substr(2) : std::string());
      return false;
    }
    default: end(WebSocketEnd::Kind::fault, 0, "a binary message"); return false;
  }
  return sink_ != nullptr;
}

void WebSocketClient::send_text(std::string_view text) { send(Opcode::text, text); }

void WebSocketClient::close(std::uint16_t code) {
  const std::array<char, 2> payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  send(Opcode::close, {payload.data(), payload.size()});
}

void WebSocketClient::send(Opcode opcode, std::string_view payload) {
  if (sink_ == nullptr || !open_) return;
  output_.push_back(encode_masked_frame(opcode, payload, random_mask()));
  if (!writing_) write();
}

void WebSocketClient::write() {
  writing_ = true;
  asio::async_write(stream_, asio::buffer(output_.front()),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      self->writing_ = false;
                      // The reading side tells why a connection ended.
                      if (error) return;
                      self->output_.pop_front();
                      if (!self->output_.empty()) {
                        self->write();
                      } else if (self->sink_ == nullptr) {
                        asio::error_code ignored;  // it is being let go of
                        self->stream_.socket().close(ignored);
                      }
                    });
}

void WebSocketClient::watch(std::chrono::milliseconds limit) {
  watchdog_.expires_after(limit);
  watchdog_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->end(self->open_ ? WebSocketEnd::Kind::broken : WebSocketEnd::Kind::unreachable, 0,
              "nothing was heard in time");
  });
}

void WebSocketClient::end(WebSocketEnd::Kind kind, int code, std::string reason) {
  if (sink_ == nullptr) return;
  WebSocketSink* const sink = std::exchange(sink_, nullptr);
  resolver_.cancel();
  watchdog_.cancel();
  // What is being written still goes out: it may be the answer to a close frame.
  asio::error_code ignored;
  if (!writing_ || kind != WebSocketEnd::Kind::closed) stream_.socket().close(ignored);
  sink->on_end({kind, code, std::move(reason)});
}

void WebSocketClient::abort() {
  sink_ = nullptr;
  resolver_.cancel();
  watchdog_.cancel();
  asio::error_code ignored;
  stream_.socket().close(ignored);
}

}  // namespace signalbox::client
