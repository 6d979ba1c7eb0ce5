#include "gateway/auth.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/json_reader.hpp"
#include "gateway/header_text.hpp"

namespace signalbox::gateway {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> refused(std::string why) {
  return failure(Errc::token_invalid, std::move(why), "token");
}

struct TokenParts {
  std::string_view signed_text;  // header.payload, as sent
  Json header;
  std::string payload;
  std::string signature;
};

// A member that stands twice is refused: whoever checked the token before us may have taken the
// other one (RFC 7515, 4 and RFC 8725, 2.4).
std::optional<Json> parse_object(const std::string& text) {
  constexpr std::size_t kDepthMax = 64;
  if (!event_store::read_json_object(text, kDepthMax, event_store::NestedNames::unique))
    return std::nullopt;
  Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return std::nullopt;
  return parsed;
}

Result<TokenParts> split_token(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos)
    return refused("is not a signed token of three parts");
  const auto header = event_store::parse_base64url(token.substr(0, first));
  auto payload = event_store::parse_base64url(token.substr(first + 1, second - first - 1));
  auto signature = event_store::parse_base64url(token.substr(second + 1));
  if (!header || !payload || !signature) return refused("is not base64url");
  auto parsed = parse_object(*header);
  if (!parsed) return refused("has a header that is no JSON object");
  return TokenParts{token.substr(0, second), *std::move(parsed), *std::move(payload),
                    *std::move(signature)};
}

// What one issuer signs for other purposes (logout, DPoP, ...) is no token for us (RFC 8725, 3.11);
// one that says nothing is.
bool is_access_token(const Json& header) {
  const auto type = header.find("typ");
  if (type == header.end()) return true;
  if (!type->is_string()) return false;
  std::string_view name = type->get_ref<const std::string&>();
  constexpr std::string_view kMediaType = "application/";
  if (equal_ignoring_case(name.substr(0, kMediaType.size()), kMediaType))
    name.remove_prefix(kMediaType.size());
  return equal_ignoring_case(name, "JWT") || equal_ignoring_case(name, "at+jwt");
}

// One sentence for all of it: which keys there are is nobody's business.
tl::unexpected<Error> not_signed_for_us() {
  return refused("is not signed with a key and algorithm that are accepted");
}

Result<const TokenKey*> choose_key(const KeySet& keys, const Json& header) {
  const auto algorithm = header.find("alg");
  if (algorithm == header.end() || !algorithm->is_string()) return refused("names no algorithm");
  if (!is_access_token(header)) return refused("is of a type that is no access token");
  // Extensions a verifier must understand: there are none we do. b64 is one (RFC 7797).
  if (header.contains("crit") || header.contains("b64"))
    return refused("asks for an extension that is not supported");
  std::optional<std::string> kid;
  if (const auto named = header.find("kid"); named != header.end()) {
    if (!named->is_string()) return refused("has a kid that is no string");
    kid = named->get<std::string>();
  }
  const TokenKey* key = keys.find(kid, algorithm->get_ref<const std::string&>());
  if (key == nullptr) return not_signed_for_us();
  return key;
}

// Seconds since the epoch; JWT allows fractions.
std::optional<Timestamp> read_time(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  constexpr double kYear9999 = 253402300799.0;
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kYear9999) return std::nullopt;
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6)));
}

bool names_audience(const Json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return *found == audience;
  return found->is_array() && std::any_of(found->begin(), found->end(), [&](const Json& one) {
           return one.is_string() && one == audience;
         });
}

Result<std::vector<std::string>> read_roles(const Json& claims) {
  std::vector<std::string> roles;
  const auto found = claims.find("roles");
  if (found == claims.end()) return roles;
  if (!found->is_array()) return refused("has roles that are no array");
  for (const Json& role : *found) {
    if (!role.is_string()) return refused("has a role that is no string");
    roles.push_back(role.get<std::string>());
  }
  return roles;
}

Result<Identity> judge_claims(const TokenRules& rules, const std::string& payload, Timestamp now) {
  const auto claims = parse_object(payload);
  if (!claims) return refused("has claims that are no JSON object");
  const auto expires = read_time(*claims, "exp");
  if (!expires) return refused("has no valid exp");
  if (*expires + rules.leeway <= now) return refused("has expired");
  if (claims->contains("nbf")) {
    const auto not_before = read_time(*claims, "nbf");
    if (!not_before || *not_before > now + rules.leeway) return refused("is not valid yet");
  }
  if (!names_audience(*claims, rules.audience)) return refused("is for another audience");
  if (rules.issuer) {
    const auto issuer = claims->find("iss");
    if (issuer == claims->end() || *issuer != *rules.issuer)
      return refused("is from another issuer");
  }
  const auto subject = claims->find("sub");
  if (subject == claims->end() || !subject->is_string()) return refused("names no user in sub");
  auto user = parse_id<UserId>(subject->get_ref<const std::string&>(), "sub");
  if (!user) return refused("has a sub that is no user id");
  auto roles = read_roles(*claims);
  if (!roles) return tl::unexpected(roles.error());
  const auto token_id = claims->find("jti");
  const bool is_named = token_id != claims->end();
  if (is_named && !token_id->is_string()) return refused("has a jti that is no string");
  return Identity{*std::move(user), *std::move(roles), *expires,
                  is_named ? token_id->get<std::string>() : "", read_time(*claims, "iat")};
}

}  // namespace

bool Identity::has_role(std::string_view role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

Result<KeySet> KeySet::make(std::vector<TokenKey> keys) {
  if (keys.empty()) return failure(Errc::bad_config, "there is no key to check tokens with");
  std::set<std::string> kids;
  for (const TokenKey& key : keys) {
    if (keys.size() > 1 && !key.kid())
      return failure(Errc::bad_config, "with more than one key each needs a kid", "kid");
    if (key.kid() && !kids.insert(*key.kid()).second)
      return failure(Errc::bad_config, "two keys have the kid " + *key.kid(), "kid");
  }
  return KeySet(std::move(keys));
}

const TokenKey* KeySet::find(const std::optional<std::string>& kid,
                             std::string_view algorithm) const {
  for (const TokenKey& key : keys_) {
    if (to_text(key.algorithm()) != algorithm) continue;
    if (!kid && keys_.size() == 1) return &key;
    if (kid && key.kid() == kid) return &key;
  }
  return nullptr;
}

Result<Identity> verify_token(const KeySet& keys, const TokenRules& rules, std::string_view token,
                              Timestamp now) {
  if (token.size() > rules.token_bytes_max) return refused("is too long");
  const auto parts = split_token(token);
  if (!parts) return tl::unexpected(parts.error());
  const auto key = choose_key(keys, parts->header);
  if (!key) return tl::unexpected(key.error());
  if (!(*key)->verifies(parts->signed_text, parts->signature)) return not_signed_for_us();
  return judge_claims(rules, parts->payload, now);
}

Result<Identity> Authenticator::verify(std::string_view token) const {
  std::shared_ptr<const KeySet> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  auto identity = verify_token(*keys, rules_, token, clock_.now());
  if (identity && is_revoked(*identity)) return refused("was revoked");
  return identity;
}

bool Authenticator::is_revoked(const Identity& identity) const {
  std::shared_ptr<const Revocations> revocations;
  {
    const std::lock_guard lock(mutex_);
    revocations = revocations_;
  }
  return revocations->covers(identity.user_id, identity.token_id, identity.issued);
}

void Authenticator::replace_revocations(Revocations revocations) {
  auto replacement = std::make_shared<const Revocations>(std::move(revocations));
  const std::lock_guard lock(mutex_);
  revocations_ = std::move(replacement);
  revision_.fetch_add(1, std::memory_order_release);
}

void Authenticator::replace_keys(KeySet keys) {
  auto replacement = std::make_shared<const KeySet>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(replacement);
}

std::string sign_token(const TokenKey& key, const TokenClaims& claims, Timestamp now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
  Json header{{"alg", to_text(key.algorithm())}, {"typ", "JWT"}};
  if (key.kid()) header["kid"] = *key.kid();
  Json payload{{"sub", claims.user_id.value()},
               {"aud", claims.audience},
               {"iat", seconds.count()},
               {"exp", (seconds + claims.time_to_live).count()},
               {"roles", claims.roles}};
  if (claims.issuer) payload["iss"] = *claims.issuer;
  std::string token =
      event_store::to_base64url(header.dump()) + "." + event_store::to_base64url(payload.dump());
  return token + "." + event_store::to_base64url(key.sign(token));
}

}  // namespace signalbox::gateway
