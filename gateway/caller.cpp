#include "gateway/caller.hpp"

#include <utility>

#include "gateway/handshake.hpp"

namespace signalbox::gateway {

tl::expected<Identity, HttpResponse> caller_of(const HttpRequest& request,
                                               const Authenticator& authenticator) {
  auto token = bearer_token(request);
  if (!token) return tl::unexpected(std::move(token.error()));
  if (!*token) return tl::unexpected(refuse_token("send your token", "Authorization"));
  auto identity = authenticator.verify(**token);
  if (identity) return *std::move(identity);
  return tl::unexpected(
      http_error(403, "token_invalid", "the token " + identity.error().message, "Authorization"));
}

HttpAuthorizer authorizer_of(const Authenticator& authenticator, std::string role) {
  return [&authenticator, role = std::move(role)](
             const HttpRequest& request) -> tl::expected<UserId, HttpResponse> {
    auto caller = caller_of(request, authenticator);
    if (!caller) return tl::unexpected(std::move(caller.error()));
    if (caller->has_role(role)) return std::move(caller->user_id);
    return tl::unexpected(
        http_error(403, "forbidden", "this needs a token with the role " + role, "Authorization"));
  };
}

}  // namespace signalbox::gateway
