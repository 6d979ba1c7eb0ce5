// HTTP handlers are functions over these types; ops/cli mounts them in the gateway's server.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "event-store/model/ids.hpp"

namespace signalbox {

// All texts are as sent; `path` is without the query, both still percent-encoded.
struct HttpRequest {
  std::string method;
  std::string path;
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string remote_address;  // of the client, also behind a trusted proxy

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return std::nullopt;
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  // Kept until the answer is sent or its connection gone: what counts the memory it takes.
  std::shared_ptr<const void> until_sent{};
};

// Takes the answer to one request: once, from any thread. A connection that is gone takes none.
using HttpAnswer = std::function<void(HttpResponse)>;

// Both run on the io thread that read the request: they must not block. The second one answers
// whenever it can; a request nobody answers in time gets 503.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
using LateHttpHandler = std::function<void(const HttpRequest&, HttpAnswer)>;

struct HttpRoute {
  std::string method;
  // Exact match; a prefix where it ends in "/*"; a segment in braces matches any one that is not
  // empty: "/v1/audit/users/{id}/events".
  std::string path;
  std::variant<HttpHandler, LateHttpHandler> handler;
};

// Who may ask for what a route gives; or the answer that refuses him. Any thread.
using HttpAuthorizer =
    std::function<tl::expected<UserId, HttpResponse>(const HttpRequest& request)>;

}  // namespace signalbox
