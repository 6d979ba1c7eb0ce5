#include "gateway/jwk_set.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "event-store/contract/json_reader.hpp"

namespace signalbox::gateway {
namespace {

using Json = nlohmann::json;

// A set is three deep; what somebody adds to his keys may be deeper, but what is copied and
// compared a level at a time must not go down as far as it likes.
constexpr std::size_t kDepthMax = 64;

Result<Json> parse_object(std::string_view text) {
  // Names twice in one object: RFC 7517, 4 and 5.
  const auto read =
      event_store::read_json_object(text, kDepthMax, event_store::NestedNames::unique);
  if (!read) return failure(Errc::bad_config, read.error().message);
  Json parsed = Json::parse(text, nullptr, false);
  // A number beyond all range, half a code point.
  if (parsed.is_discarded()) return failure(Errc::bad_config, "is no JSON object");
  return parsed;
}

Error at(const std::string& place, Error error) {
  error.field = error.field.empty() ? place : place + "." + error.field;
  error.message = error.field + " " + error.message;
  return error;
}

}  // namespace

Result<JwkSet> parse_jwk_set(std::string_view text) {
  const auto set = parse_object(text);
  if (!set) return tl::unexpected(set.error());
  const auto members = set->find("keys");
  if (members == set->end() || !members->is_array())
    return failure(Errc::bad_config, "keys must be an array: this is no JWK set", "keys");
  std::vector<TokenKey> keys;
  std::vector<std::string> left_out;
  for (std::size_t i = 0; i < members->size(); ++i) {
    const std::string place = "keys[" + std::to_string(i) + "]";
    auto key = TokenKey::from_jwk((*members)[i], KeyUse::verify);
    if (key)
      keys.push_back(*std::move(key));
    else if (key.error().code == Errc::unsupported_version)
      left_out.push_back(place + ": " + key.error().message);
    else
      return tl::unexpected(at(place, std::move(key.error())));
  }
  auto made = KeySet::make(std::move(keys));
  if (!made) return tl::unexpected(made.error());
  return JwkSet{*std::move(made), std::move(left_out)};
}

Result<TokenKey> parse_private_jwk(std::string_view text) {
  const auto parsed = parse_object(text);
  if (!parsed) return tl::unexpected(parsed.error());
  Json jwk = *parsed;
  if (const auto members = parsed->find("keys"); members != parsed->end()) {
    if (!members->is_array() || members->size() != 1)
      return failure(Errc::bad_config, "must hold one key to sign with", "keys");
    jwk = members->front();
  }
  auto key = TokenKey::from_jwk(jwk, KeyUse::sign);
  if (key) return key;
  Error error = std::move(key.error());
  if (!error.field.empty() && error.code == Errc::bad_config)
    error.message = error.field + " " + error.message;
  error.code = Errc::bad_config;
  return tl::unexpected(std::move(error));
}

}  // namespace signalbox::gateway
