#include "gateway/handshake.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

#include "event-store/contract/base64.hpp"
#include "event-store/model/utf8.hpp"
#include "gateway/header_text.hpp"

namespace signalbox::gateway {
namespace {

constexpr std::string_view kSubprotocol = "signalbox.v1";
constexpr std::string_view kLegacySubprotocol = "signalbox.v1+legacy";
constexpr std::string_view kTokenSubprotocol = "bearer.";
constexpr std::size_t kUserAgentBytesMax = 256;

bool is_allowed_origin(const HttpRequest& http, std::span<const std::string> origins) {
  const auto origin = http.header("origin");
  if (!origin) return true;
  if (std::find(origins.begin(), origins.end(), *origin) != origins.end()) return true;
  const std::size_t scheme = origin->find("://");
  const auto host = http.header("host");
  return scheme != origin->npos && host && equal_ignoring_case(origin->substr(scheme + 3), *host);
}

// RFC 6455, 4.2.1: base64 of 16 bytes.
bool is_websocket_key(std::string_view text) {
  constexpr std::size_t kKeyBytes = 16;
  const auto bytes = event_store::parse_base64(text);
  return bytes && bytes->size() == kKeyBytes;
}

// HOST or HOST:PORT, where an IPv6 address stands in brackets.
bool is_loopback_host(std::string_view host) {
  const bool bracketed = host.starts_with('[');
  const std::size_t end = bracketed ? host.find(']') : host.find(':');
  if (bracketed && end == host.npos) return false;
  const std::string name(bracketed ? host.substr(1, end - 1) : host.substr(0, end));
  std::string_view port = end == host.npos ? "" : host.substr(bracketed ? end + 1 : end);
  if (!port.empty() && port.front() != ':') return false;
  if (port.find_first_not_of("0123456789", 1) != port.npos) return false;
  if (bracketed) {
    in6_addr address{};
    return ::inet_pton(AF_INET6, name.c_str(), &address) == 1 &&
           std::equal(std::begin(address.s6_addr), std::end(address.s6_addr),
                      std::begin(in6addr_loopback.s6_addr));
  }
  constexpr std::uint32_t kLoopbackNet = 127;
  in_addr address{};
  return equal_ignoring_case(name, "localhost") ||
         (::inet_pton(AF_INET, name.c_str(), &address) == 1 &&
          ntohl(address.s_addr) >> 24 == kLoopbackNet);
}

// Where the stream shall start; the HTTP answer for a `from` we do not know.
tl::expected<void, HttpResponse> read_start(std::string_view query, Handshake& handshake) {
  if (has_query_parameter(query, "cursor")) {
    handshake.from = StreamFrom::cursor;
    handshake.cursor = query_value(query, "cursor").value_or("");
    return {};
  }
  if (!has_query_parameter(query, "from")) return {};
  const auto from = query_value(query, "from");
  if (from != "latest" && from != "start")
    return tl::unexpected(http_error(400, "bad_field", "from must be latest or start", "from"));
  if (from == "start") handshake.from = StreamFrom::start;
  return {};
}

// Of the header or of a subprotocol. Of two, whoever stands before us may have looked at the other
// one, so both are refused (RFC 6750, 2).
tl::expected<std::optional<std::string>, HttpResponse> presented_token(
    const UpgradeRequest& request) {
  auto token = bearer_token(request.http);
  if (!token) return token;
  for (const std::string& offered : request.subprotocols) {
    if (!offered.starts_with(kTokenSubprotocol)) continue;
    if (*token)
      return tl::unexpected(
          refuse_token("present one token, once", "Authorization, Sec-WebSocket-Protocol"));
    *token = offered.substr(kTokenSubprotocol.size());
  }
  return token;
}

}  // namespace

tl::expected<std::optional<std::string>, HttpResponse> bearer_token(const HttpRequest& http) {
  const auto header = http.header("authorization");
  if (!header) return std::nullopt;
  constexpr std::string_view kScheme = "bearer ";
  if (equal_ignoring_case(header->substr(0, kScheme.size()), kScheme))
    return std::string(header->substr(kScheme.size()));
  return tl::unexpected(refuse_token("Authorization must be a Bearer token", "Authorization"));
}

HttpResponse refuse_without_upgrade() {
  return http_error(426, "protocol",
                    "this path takes WebSockets only, which begin with the headers Upgrade: "
                    "websocket and Connection: Upgrade; where the client sent them, a proxy in "
                    "between dropped them and must be told to pass them on",
                    "Upgrade");
}

HttpResponse refuse_token(std::string_view why, std::string_view field) {
  HttpResponse refusal = http_error(401, "token_invalid", why, field);
  refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refusal;
}

bool is_allowed_host(const HttpRequest& http, HostRule rule) {
  if (rule == HostRule::any) return true;
  const auto host = http.header("host");
  return host && is_loopback_host(*host);
}

tl::expected<Handshake, HttpResponse> judge_handshake(const UpgradeRequest& request,
                                                      std::span<const std::string> origins,
                                                      HostRule hosts) {
  const HttpRequest& http = request.http;
  if (http.path != "/ws") return tl::unexpected(http_error(404, "not_found", "sockets are at /ws"));
  if (http.header("sec-websocket-version") != "13") {
    HttpResponse answer =
        http_error(426, "protocol", "WebSocket version 13 is needed", "Sec-WebSocket-Version");
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
    return tl::unexpected(std::move(answer));
  }
  if (!is_websocket_key(http.header("sec-websocket-key").value_or("")))
    return tl::unexpected(http_error(
        400, "protocol", "Sec-WebSocket-Key must be base64 of 16 bytes", "Sec-WebSocket-Key"));
  if (!is_allowed_host(http, hosts))
    return tl::unexpected(http_error(403, "forbidden", "this Host is not allowed", "Host"));
  if (!is_allowed_origin(http, origins))
    return tl::unexpected(http_error(403, "forbidden", "this Origin is not allowed", "Origin"));
  Handshake handshake{.subprotocol = {},
                      .dialect = event_store::WireDialect::v1,
                      .token = std::nullopt,
                      .from = StreamFrom::latest,
                      .cursor = {},
                      .wanted_client = query_value(http.query, "client"),
                      .user_agent = {}};
  for (const std::string& offered : request.subprotocols) {
    if (offered == kLegacySubprotocol) handshake.dialect = event_store::WireDialect::v1_legacy;
    if (offered == kSubprotocol || offered == kLegacySubprotocol) {
      handshake.subprotocol = offered;
      break;
    }
  }
  if (handshake.subprotocol.empty())
    return tl::unexpected(http_error(400, "protocol", "offer the subprotocol signalbox.v1",
                                     "Sec-WebSocket-Protocol"));
  auto token = presented_token(request);
  if (!token) return tl::unexpected(std::move(token.error()));
  handshake.token = *std::move(token);
  if (auto read = read_start(http.query, handshake); !read)
    return tl::unexpected(std::move(read.error()));
  const std::string_view agent = http.header("user-agent").value_or("");
  if (is_utf8(agent)) handshake.user_agent = utf8_prefix(agent, kUserAgentBytesMax);
  return handshake;
}

}  // namespace signalbox::gateway
