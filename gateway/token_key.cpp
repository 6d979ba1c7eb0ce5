#include "gateway/token_key.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <list>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "event-store/contract/base64.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::gateway {
namespace {

using Json = nlohmann::json;

// RFC 7518, 3.4: r and s of P-256, 32 bytes each.
constexpr std::size_t kEcNumberBytes = 32;
constexpr std::size_t kEd25519Bytes = 32;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* held) const {
    Free(held);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

tl::unexpected<Error> bad(std::string member, std::string why) {
  return failure(Errc::bad_config, std::move(why), std::move(member));
}
tl::unexpected<Error> unsupported(std::string member, const std::string& what) {
  return failure(Errc::unsupported_version, member + " " + what + " is not supported",
                 std::move(member));
}

Result<std::string> text_member(const Json& jwk, const char* name) {
  const auto found = jwk.find(name);
  if (found == jwk.end()) return bad(name, "is missing");
  if (!found->is_string()) return bad(name, "must be a string");
  return found->get<std::string>();
}

Result<std::string> bytes_member(const Json& jwk, const char* name) {
  const auto text = text_member(jwk, name);
  if (!text) return tl::unexpected(text.error());
  auto bytes = event_store::parse_base64url(*text);
  if (!bytes || bytes->empty()) return bad(name, "must be base64url without padding");
  return *std::move(bytes);
}

// The parameters of a key, by OpenSSL's names.
class KeyParameters {
 public:
  KeyParameters() : builder_(OSSL_PARAM_BLD_new()) {}
  // `bytes` is a number, big-endian.
  void add_number(const char* name, const std::string& bytes) {
    numbers_.emplace_back(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
    OSSL_PARAM_BLD_push_BN(builder_.get(), name, numbers_.back().get());
  }
  void add_bytes(const char* name, std::string bytes) {
    const std::string& kept = texts_.emplace_back(std::move(bytes));
    OSSL_PARAM_BLD_push_octet_string(builder_.get(), name, kept.data(), kept.size());
  }
  void add_text(const char* name, const char* text) {
    OSSL_PARAM_BLD_push_utf8_string(builder_.get(), name, text, 0);
  }
  // Null where they are no key.
  [[nodiscard]] PkeyPtr make(const char* type, KeyUse use) const {
    const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder_.get()));
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made,
                          use == KeyUse::sign ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          parameters.get()) != 1)
      return nullptr;
    PkeyPtr key(made);
    const PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    const bool good = check && EVP_PKEY_public_check(check.get()) == 1 &&
                      (use == KeyUse::verify || EVP_PKEY_pairwise_check(check.get()) == 1);
    return good ? std::move(key) : nullptr;
  }

 private:
  BuilderPtr builder_;
  // The builder only refers to them.
  std::vector<NumberPtr> numbers_;
  std::list<std::string> texts_;
};

struct NumberMember {
  const char* jwk;
  const char* openssl;
};
constexpr std::array kRsaPublic{NumberMember{"n", OSSL_PKEY_PARAM_RSA_N},
                                NumberMember{"e", OSSL_PKEY_PARAM_RSA_E}};
constexpr std::array kRsaPrivate{NumberMember{"d", OSSL_PKEY_PARAM_RSA_D},
                                 NumberMember{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                 NumberMember{"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                 NumberMember{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                 NumberMember{"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                 NumberMember{"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};

Result<PkeyPtr> read_rsa(const Json& jwk, KeyUse use) {
  KeyParameters parameters;
  std::vector<NumberMember> members(kRsaPublic.begin(), kRsaPublic.end());
  if (use == KeyUse::sign) members.insert(members.end(), kRsaPrivate.begin(), kRsaPrivate.end());
  for (const NumberMember& member : members) {
    const auto bytes = bytes_member(jwk, member.jwk);
    if (!bytes) return tl::unexpected(bytes.error());
    parameters.add_number(member.openssl, *bytes);
  }
  PkeyPtr key = parameters.make("RSA", use);
  if (!key) return bad("n", "is no RSA key together with the other members");
  if (EVP_PKEY_get_bits(key.get()) < TokenKey::kRsaBitsMin)
    return bad("n", "must have at least 2048 bits");
  return key;
}

Result<PkeyPtr> read_ec(const Json& jwk, KeyUse use) {
  const auto x = bytes_member(jwk, "x");
  if (!x) return tl::unexpected(x.error());
  const auto y = bytes_member(jwk, "y");
  if (!y) return tl::unexpected(y.error());
  if (x->size() != kEcNumberBytes || y->size() != kEcNumberBytes)
    return bad("x", "and y must be 32 bytes each");
  KeyParameters parameters;
  parameters.add_text(OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1");
  constexpr char kUncompressed = 4;
  parameters.add_bytes(OSSL_PKEY_PARAM_PUB_KEY, kUncompressed + *x + *y);
  if (use == KeyUse::sign) {
    const auto d = bytes_member(jwk, "d");
    if (!d) return tl::unexpected(d.error());
    parameters.add_number(OSSL_PKEY_PARAM_PRIV_KEY, *d);
  }
  PkeyPtr key = parameters.make("EC", use);
  if (!key) return bad("x", "and y are no point of P-256, or d is not their private key");
  return key;
}

Result<PkeyPtr> read_ed25519(const Json& jwk, KeyUse use) {
  const auto x = bytes_member(jwk, "x");
  if (!x) return tl::unexpected(x.error());
  if (x->size() != kEd25519Bytes) return bad("x", "must be 32 bytes");
  if (use == KeyUse::verify)
    return PkeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
  const auto d = bytes_member(jwk, "d");
  if (!d) return tl::unexpected(d.error());
  if (d->size() != kEd25519Bytes) return bad("d", "must be 32 bytes");
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(*d), d->size()));
  std::string made(kEd25519Bytes, '\0');
  std::size_t size = made.size();
  if (!key ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(made.data()),
                                  &size) != 1 ||
      made != *x)
    return bad("d", "is not the private key of x");
  return key;
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(),
       bytes.data(), &size);
  return std::string(reinterpret_cast<const char*>(bytes.data()), size);
}

// ECDSA of OpenSSL is DER, that of a JWS the two numbers one after the other.
std::optional<std::string> to_der(std::string_view raw) {
  if (raw.size() != 2 * kEcNumberBytes) return std::nullopt;
  const EcdsaPtr pair(ECDSA_SIG_new());
  NumberPtr r(BN_bin2bn(bytes_of(raw), kEcNumberBytes, nullptr));
  NumberPtr s(BN_bin2bn(bytes_of(raw.substr(kEcNumberBytes)), kEcNumberBytes, nullptr));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return std::nullopt;
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

std::string to_raw(const std::string& der) {
  const unsigned char* at = bytes_of(der);
  const EcdsaPtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  SIGNALBOX_ASSERT(pair != nullptr);
  std::string raw(2 * kEcNumberBytes, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(raw.data());
  constexpr int kBytes = static_cast<int>(kEcNumberBytes);
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, kBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + kEcNumberBytes, kBytes);
  return raw;
}

const EVP_MD* digest_of(TokenAlgorithm algorithm) {
  return algorithm == TokenAlgorithm::eddsa ? nullptr : EVP_sha256();
}

Result<TokenAlgorithm> algorithm_of(const Json& jwk) {
  const auto type = text_member(jwk, "kty");
  if (!type) return tl::unexpected(type.error());
  if (*type == "oct") return TokenAlgorithm::hs256;
  if (*type == "RSA") return TokenAlgorithm::rs256;
  const bool is_ec = *type == "EC";
  if (!is_ec && *type != "OKP") return unsupported("kty", *type);
  const auto curve = text_member(jwk, "crv");
  if (!curve) return tl::unexpected(curve.error());
  if (*curve != (is_ec ? "P-256" : "Ed25519")) return unsupported("crv", *curve);
  return is_ec ? TokenAlgorithm::es256 : TokenAlgorithm::eddsa;
}

// `use`, `key_ops` and `alg` narrow what a key is for; what is not for signatures is not for us.
Result<void> check_purpose(const Json& jwk, TokenAlgorithm algorithm) {
  if (const auto use = jwk.find("use"); use != jwk.end() && *use != "sig")
    return unsupported("use", use->dump());
  if (const auto named = jwk.find("alg"); named != jwk.end()) {
    if (!named->is_string()) return bad("alg", "must be a string");
    if (*named != to_text(algorithm)) return unsupported("alg", named->dump());
  }
  return {};
}

}  // namespace

class TokenKey::Material {
 public:
  explicit Material(std::string secret) : secret_(std::move(secret)) {}
  explicit Material(PkeyPtr key) : key_(std::move(key)) {}
  Material(const Material&) = delete;
  Material& operator=(const Material&) = delete;
  ~Material() { OPENSSL_cleanse(secret_.data(), secret_.size()); }
  [[nodiscard]] const std::string& secret() const { return secret_; }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  std::string secret_;  // HS256
  PkeyPtr key_;         // the others
};

std::string_view to_text(TokenAlgorithm algorithm) {
  switch (algorithm) {
    case TokenAlgorithm::hs256: return "HS256";
    case TokenAlgorithm::rs256: return "RS256";
    case TokenAlgorithm::es256: return "ES256";
    case TokenAlgorithm::eddsa: return "EdDSA";
  }
  return "";
}

TokenKey::TokenKey(std::optional<std::string> kid, TokenAlgorithm algorithm,
                   std::shared_ptr<const Material> material)
    : kid_(std::move(kid)), algorithm_(algorithm), material_(std::move(material)) {}

Result<TokenKey> TokenKey::from_secret(std::optional<std::string> kid, std::string secret) {
  if (secret.size() < kSecretBytesMin)
    return bad("k", "a secret for HS256 needs at least 32 bytes");
  return TokenKey(std::move(kid), TokenAlgorithm::hs256,
                  std::make_shared<const Material>(std::move(secret)));
}

Result<TokenKey> TokenKey::from_jwk(const Json& jwk, KeyUse use) {
  if (!jwk.is_object()) return bad("", "a key must be a JSON object");
  const auto algorithm = algorithm_of(jwk);
  if (!algorithm) return tl::unexpected(algorithm.error());
  if (const auto checked = check_purpose(jwk, *algorithm); !checked)
    return tl::unexpected(checked.error());
  std::optional<std::string> kid;
  if (jwk.contains("kid")) {
    auto named = text_member(jwk, "kid");
    if (!named) return tl::unexpected(named.error());
    kid = *std::move(named);
  }
  if (*algorithm == TokenAlgorithm::hs256) {
    auto secret = bytes_member(jwk, "k");
    if (!secret) return tl::unexpected(secret.error());
    return from_secret(std::move(kid), *std::move(secret));
  }
  if (use == KeyUse::verify && jwk.contains("d"))
    return bad("d", "is private: hand out only the public part of a key");
  auto key = *algorithm == TokenAlgorithm::rs256   ? read_rsa(jwk, use)
             : *algorithm == TokenAlgorithm::es256 ? read_ec(jwk, use)
                                                   : read_ed25519(jwk, use);
  if (!key) return tl::unexpected(key.error());
  if (*key == nullptr) return bad("x", "is no key");
  return TokenKey(std::move(kid), *algorithm, std::make_shared<const Material>(*std::move(key)));
}

bool TokenKey::verifies(std::string_view text, std::string_view signature) const {
  if (algorithm_ == TokenAlgorithm::hs256) {
    const std::string expected = hmac_sha256(material_->secret(), text);
    return signature.size() == expected.size() &&
           CRYPTO_memcmp(signature.data(), expected.data(), expected.size()) == 0;
  }
  std::string given(signature);
  if (algorithm_ == TokenAlgorithm::es256) {
    auto der = to_der(signature);
    if (!der) return false;
    given = *std::move(der);
  }
  const DigestContextPtr context(EVP_MD_CTX_new());
  return context &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest_of(algorithm_), nullptr,
                              material_->key()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(given), given.size(), bytes_of(text),
                          text.size()) == 1;
}

std::string TokenKey::sign(std::string_view text) const {
  if (algorithm_ == TokenAlgorithm::hs256) return hmac_sha256(material_->secret(), text);
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::size_t size = 0;
  SIGNALBOX_ASSERT(context != nullptr &&
                   EVP_DigestSignInit(context.get(), nullptr, digest_of(algorithm_), nullptr,
                                      material_->key()) == 1 &&
                   EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) == 1);
  std::string signature(size, '\0');
  SIGNALBOX_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                  &size, bytes_of(text), text.size()) == 1);
  signature.resize(size);
  return algorithm_ == TokenAlgorithm::es256 ? to_raw(signature) : signature;
}

}  // namespace signalbox::gateway
