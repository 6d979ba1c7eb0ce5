// JWK sets (RFC 7517, 5) as texts: what `[auth] jwks` names, and the private key `signalbox token`
// signs with. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/auth.hpp"

namespace signalbox::gateway {

struct JwkSet {
  KeySet keys;
  std::vector<std::string> left_out;  // sentences: keys that are for others, or of other kinds
};
// Errors: bad_config, with the place in the set as field (`keys[1].n`).
[[nodiscard]] Result<JwkSet> parse_jwk_set(std::string_view text);

// One private JWK, or a set of one. Errors: bad_config.
[[nodiscard]] Result<TokenKey> parse_private_jwk(std::string_view text);

}  // namespace signalbox::gateway
