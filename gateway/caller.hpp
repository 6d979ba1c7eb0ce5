// Who asks over HTTP, by the token of `Authorization: Bearer` (contract 12). Any thread.
#pragma once

#include <tl/expected.hpp>

#include "event-store/model/http.hpp"
#include "gateway/auth.hpp"

namespace signalbox::gateway {

// 401 without a token, 403 with one that is not accepted.
[[nodiscard]] tl::expected<Identity, HttpResponse> caller_of(const HttpRequest& request,
                                                             const Authenticator& authenticator);

// Lets those in whose token has this role; any other gets 403 forbidden. `authenticator` outlives
// it.
[[nodiscard]] HttpAuthorizer authorizer_of(const Authenticator& authenticator, std::string role);

}  // namespace signalbox::gateway
