// TokenKey: one key that tokens are signed or checked with, for one algorithm only (contract 11),
// so that the header of a token never chooses how it is checked (RFC 8725, 3.1). JWKs as of RFC
// 7517, 7518 and 8037. Immutable, cheap to copy; any thread.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::gateway {

enum class TokenAlgorithm { hs256, rs256, es256, eddsa };
[[nodiscard]] std::string_view to_text(TokenAlgorithm algorithm);

// What a JWK may be used for: a set that is handed to verifiers holds public keys (and shared
// secrets), a key that signs is private.
enum class KeyUse { verify, sign };

class TokenKey {
 public:
  static constexpr std::size_t kSecretBytesMin = 32;  // RFC 7518, 3.2
  static constexpr int kRsaBitsMin = 2048;            // RFC 7518, 3.3

  // HS256. Errors: bad_config (fewer than 32 bytes).
  [[nodiscard]] static Result<TokenKey> from_secret(std::optional<std::string> kid,
                                                    std::string secret);
  // Errors: unsupported_version (kty, crv, alg or use that we have no part in: a set may hold such
  // keys, and they are left out), bad_config with the member as field.
  [[nodiscard]] static Result<TokenKey> from_jwk(const nlohmann::json& jwk, KeyUse use);

  [[nodiscard]] const std::optional<std::string>& kid() const { return kid_; }
  [[nodiscard]] TokenAlgorithm algorithm() const { return algorithm_; }

  // Of a JWS: its signed text and the signature's bytes.
  [[nodiscard]] bool verifies(std::string_view text, std::string_view signature) const;
  // A key that was read with KeyUse::sign, or a secret.
  [[nodiscard]] std::string sign(std::string_view text) const;

 private:
  class Material;
  TokenKey(std::optional<std::string> kid, TokenAlgorithm algorithm,
           std::shared_ptr<const Material> material);

  std::optional<std::string> kid_;
  TokenAlgorithm algorithm_;
  std::shared_ptr<const Material> material_;
};

}  // namespace signalbox::gateway
