// What a client asks for when it opens a WebSocket (contract 11), judged before anything is made
// for it. Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/http_parameters.hpp"
#include "event-store/model/http.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

using event_store::come_back;
using event_store::has_query_parameter;
using event_store::http_error;
using event_store::percent_encode;
using event_store::query_value;

struct UpgradeRequest {
  HttpRequest http;
  std::vector<std::string> subprotocols;  // as offered, in order
};

struct Handshake {
  std::string subprotocol;  // to be answered
  event_store::WireDialect dialect;
  std::optional<std::string> token;  // none: the first frame must bring it
  StreamFrom from;
  std::string cursor;
  std::optional<std::string> wanted_client;  // as asked for: any text; ClientRegistry judges it
  std::string user_agent;
};

// Which names a client may call us by. A page of a name that was made to resolve to this machine
// sends that name: where anybody gets a token (dev), only names nobody else can own are answered.
enum class HostRule { any, loopback };
[[nodiscard]] bool is_allowed_host(const HttpRequest& http, HostRule rule);

// A handshake, or the HTTP answer that refuses it: 400 (no subprotocol of ours, bad `from`), 401
// (an Authorization that is no bearer token), 403 (Host or Origin not allowed), 404 (not /ws), 426
// (version). A cursor that cannot be decoded becomes an empty one, which no feed takes.
[[nodiscard]] tl::expected<Handshake, HttpResponse> judge_handshake(
    const UpgradeRequest& request, std::span<const std::string> origins,
    HostRule hosts = HostRule::any);

// 426 for who comes to /ws and asks for no upgrade: a browser, or a client behind a proxy that
// dropped its headers.
[[nodiscard]] HttpResponse refuse_without_upgrade();

// The token of `Authorization: Bearer <token>`, none where there is no such header; 401 for one
// that is something else.
[[nodiscard]] tl::expected<std::optional<std::string>, HttpResponse> bearer_token(
    const HttpRequest& http);

// 401 token_invalid, and how to present a token (RFC 6750, 3).
[[nodiscard]] HttpResponse refuse_token(std::string_view why, std::string_view field = {});

}  // namespace signalbox::gateway
