// Keys of every algorithm: the standards' own examples, keys made here, and what is no key of ours.
#include "gateway/token_key.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "event-store/contract/base64.hpp"
#include "gateway/auth.hpp"
#include "gateway/jwk_set.hpp"

namespace signalbox::gateway {
namespace {

using event_store::parse_base64url;
using event_store::to_base64url;
using Json = nlohmann::json;

const Timestamp kNow{std::chrono::seconds(1'800'000'000)};
const std::string kClaims = R"({"sub":"ann","aud":"signalbox","exp":1800000100})";

// RFC 8037, A.1 and A.4.
const Json kEd25519{{"kty", "OKP"},
                    {"crv", "Ed25519"},
                    {"d", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
                    {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}};
const std::string kEd25519Text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const std::string kEd25519Signature =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
// RFC 7515, A.3.
const Json kP256{{"kty", "EC"},
                 {"crv", "P-256"},
                 {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                 {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
                 {"d", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}};
const std::string kP256Text =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm"
    "NvbS9pc19yb290Ijp0cnVlfQ";
const std::string kP256Signature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

Json public_part(Json jwk) {
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi"}) jwk.erase(secret);
  return jwk;
}

std::string number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &number), 1);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return to_base64url(bytes);
}

Json make_rsa(std::size_t bits) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(bits), EVP_PKEY_free);
  return {{"kty", "RSA"},
          {"n", number_of(key.get(), OSSL_PKEY_PARAM_RSA_N)},
          {"e", number_of(key.get(), OSSL_PKEY_PARAM_RSA_E)},
          {"d", number_of(key.get(), OSSL_PKEY_PARAM_RSA_D)},
          {"p", number_of(key.get(), OSSL_PKEY_PARAM_RSA_FACTOR1)},
          {"q", number_of(key.get(), OSSL_PKEY_PARAM_RSA_FACTOR2)},
          {"dp", number_of(key.get(), OSSL_PKEY_PARAM_RSA_EXPONENT1)},
          {"dq", number_of(key.get(), OSSL_PKEY_PARAM_RSA_EXPONENT2)},
          {"qi", number_of(key.get(), OSSL_PKEY_PARAM_RSA_COEFFICIENT1)}};
}

const Json& rsa() {
  static const Json key = make_rsa(2048);
  return key;
}
const Json kSecret{{"kty", "oct"}, {"k", to_base64url(std::string(32, 's'))}};

Json with_kid(Json jwk, const char* kid) {
  jwk["kid"] = kid;
  return jwk;
}

std::vector<Json> private_keys() {
  return {with_kid(kSecret, "h"), with_kid(rsa(), "r"), with_kid(kP256, "e"),
          with_kid(kEd25519, "o")};
}
KeySet all_keys() {
  Json keys = Json::array();
  for (const Json& key : private_keys()) keys.push_back(public_part(key));
  return parse_jwk_set(Json{{"keys", keys}}.dump())->keys;
}

TEST(TokenKey, takes_the_signatures_of_the_standards_examples) {
  EXPECT_TRUE(TokenKey::from_jwk(public_part(kEd25519), KeyUse::verify)
                  ->verifies(kEd25519Text, *parse_base64url(kEd25519Signature)));
  EXPECT_TRUE(TokenKey::from_jwk(public_part(kP256), KeyUse::verify)
                  ->verifies(kP256Text, *parse_base64url(kP256Signature)));
  EXPECT_EQ(to_base64url(TokenKey::from_jwk(kEd25519, KeyUse::sign)->sign(kEd25519Text)),
            kEd25519Signature);
}

TEST(TokenKey, of_every_algorithm_signs_what_its_public_part_accepts_and_no_bit_less) {
  for (const Json& jwk : private_keys()) {
    const auto signing = TokenKey::from_jwk(jwk, KeyUse::sign);
    ASSERT_TRUE(signing) << signing.error().message;
    const auto checking = TokenKey::from_jwk(public_part(jwk), KeyUse::verify);
    ASSERT_TRUE(checking) << checking.error().message;
    const std::string signature = signing->sign("a text");
    EXPECT_TRUE(checking->verifies("a text", signature));
    EXPECT_FALSE(checking->verifies("a texT", signature));
    for (std::size_t i = 0; i < signature.size() * 8; i += 7) {
      std::string other = signature;
      other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << i % 8));
      EXPECT_FALSE(checking->verifies("a text", other)) << jwk["kty"] << " bit " << i;
    }
    EXPECT_FALSE(checking->verifies("a text", ""));
    EXPECT_FALSE(checking->verifies("a text", signature.substr(1)));
    EXPECT_FALSE(checking->verifies("a text", signature + '\0'));
  }
}

TEST(TokenKey, with_a_wrong_member_is_refused_and_the_member_named) {
  struct Case {
    Json jwk;
    KeyUse use;
    const char* field;
  };
  const auto changed = [](Json jwk, const char* member, const Json& value) {
    jwk[member] = value;
    return jwk;
  };
  const auto without = [](Json jwk, const char* member) {
    jwk.erase(member);
    return jwk;
  };
  const Json rsa_public = public_part(rsa());
  const Json ec = public_part(kP256);
  const Json ed = public_part(kEd25519);
  const std::vector<Case> cases{
      {without(rsa_public, "kty"), KeyUse::verify, "kty"},
      {changed(rsa_public, "kty", 1), KeyUse::verify, "kty"},
      {without(rsa_public, "n"), KeyUse::verify, "n"},
      {without(rsa_public, "e"), KeyUse::verify, "e"},
      {changed(rsa_public, "n", "not base64url="), KeyUse::verify, "n"},
      {changed(rsa_public, "n", ""), KeyUse::verify, "n"},
      {public_part(make_rsa(1024)), KeyUse::verify, "n"},
      {changed(rsa_public, "kid", 7), KeyUse::verify, "kid"},
      {changed(rsa_public, "alg", 7), KeyUse::verify, "alg"},
      {rsa_public, KeyUse::sign, "d"},
      {rsa(), KeyUse::verify, "d"},
      {without(ec, "crv"), KeyUse::verify, "crv"},
      {without(ec, "x"), KeyUse::verify, "x"},
      {without(ec, "y"), KeyUse::verify, "y"},
      {changed(ec, "x", "AAAA"), KeyUse::verify, "x"},
      {changed(ec, "y", ec["x"]), KeyUse::verify, "x"},
      {kP256, KeyUse::verify, "d"},
      {ec, KeyUse::sign, "d"},
      {changed(kP256, "d", to_base64url(std::string(32, 'd'))), KeyUse::sign, "x"},
      {without(ed, "x"), KeyUse::verify, "x"},
      {changed(ed, "x", "AAAA"), KeyUse::verify, "x"},
      {kEd25519, KeyUse::verify, "d"},
      {changed(kEd25519, "d", to_base64url(std::string(32, 'd'))), KeyUse::sign, "d"},
      {changed(kEd25519, "d", "AAAA"), KeyUse::sign, "d"},
      {without(kSecret, "k"), KeyUse::verify, "k"},
      {changed(kSecret, "k", to_base64url(std::string(31, 's'))), KeyUse::verify, "k"},
  };
  for (const Case& one : cases) {
    const auto key = TokenKey::from_jwk(one.jwk, one.use);
    ASSERT_FALSE(key) << one.jwk.dump();
    EXPECT_EQ(key.error().code, Errc::bad_config) << one.jwk.dump();
    EXPECT_EQ(key.error().field, one.field) << one.jwk.dump();
  }
}

TEST(JwkSet, leaves_out_keys_that_are_for_others) {
  const Json keys{{"keys",
                   {with_kid(public_part(kP256), "mine"),
                    {{"kty", "AKP"}, {"kid", "new"}},
                    {{"kty", "EC"}, {"crv", "P-521"}},
                    {{"kty", "OKP"}, {"crv", "X25519"}},
                    {{"kty", "RSA"}, {"use", "enc"}},
                    {{"kty", "RSA"}, {"alg", "RS512"}}}}};
  const auto set = parse_jwk_set(keys.dump());
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->keys.keys().size(), 1U);
  EXPECT_EQ(set->left_out.size(), 5U);
}

TEST(JwkSet, that_is_not_sound_is_refused_with_the_place) {
  EXPECT_FALSE(parse_jwk_set("no json"));
  EXPECT_FALSE(parse_jwk_set("[]"));
  EXPECT_EQ(parse_jwk_set("{}").error().field, "keys");
  EXPECT_EQ(parse_jwk_set(R"({"keys":{}})").error().field, "keys");
  EXPECT_EQ(parse_jwk_set(R"({"keys":[]})").error().code, Errc::bad_config);
  Json broken = with_kid(public_part(kP256), "b");
  broken.erase("y");
  const Json keys{{"keys", {with_kid(public_part(kEd25519), "a"), broken}}};
  EXPECT_EQ(parse_jwk_set(keys.dump()).error().field, "keys[1].y");
  EXPECT_EQ(parse_jwk_set(R"({"keys":[7]})").error().field, "keys[0]");
  const Json twice{{"keys", {public_part(kEd25519), public_part(kP256)}}};
  EXPECT_EQ(parse_jwk_set(twice.dump()).error().field, "kid");
}

TEST(PrivateJwk, may_stand_alone_or_in_a_set_of_one) {
  EXPECT_TRUE(parse_private_jwk(kP256.dump()));
  EXPECT_TRUE(parse_private_jwk(Json{{"keys", {rsa()}}}.dump()));
  EXPECT_FALSE(parse_private_jwk(Json{{"keys", {rsa(), kP256}}}.dump()));
  EXPECT_FALSE(parse_private_jwk(public_part(kP256).dump()));
  EXPECT_EQ(parse_private_jwk(R"({"kty":"AKP"})").error().code, Errc::bad_config);
}

TEST(Token, of_every_algorithm_is_accepted_by_the_set_of_all) {
  const KeySet keys = all_keys();
  for (const Json& jwk : private_keys()) {
    const auto key = TokenKey::from_jwk(jwk, KeyUse::sign);
    const auto identity = verify_token(keys, {}, sign_token(*key, {UserId("ann"), {}}, kNow), kNow);
    ASSERT_TRUE(identity) << jwk["kty"] << ": " << identity.error().message;
    EXPECT_EQ(identity->user_id, UserId("ann"));
  }
}

// Every key signs under every algorithm's name and every key's kid: only its own count.
TEST(Token, never_chooses_its_key_by_its_header) {
  const KeySet keys = all_keys();
  const std::vector<std::string> kids{"h", "r", "e", "o"};
  const std::vector<std::string> names{"HS256", "RS256", "ES256", "EdDSA"};
  const auto signers = private_keys();
  for (std::size_t signer = 0; signer < signers.size(); ++signer)
    for (std::size_t kid = 0; kid < kids.size(); ++kid)
      for (std::size_t name = 0; name < names.size(); ++name) {
        const std::string text =
            to_base64url(Json{{"alg", names[name]}, {"kid", kids[kid]}}.dump()) + "." +
            to_base64url(kClaims);
        const auto key = TokenKey::from_jwk(signers[signer], KeyUse::sign);
        const std::string token = text + "." + to_base64url(key->sign(text));
        EXPECT_EQ(verify_token(keys, {}, token, kNow).has_value(), signer == kid && kid == name)
            << names[name] << " " << kids[kid] << " " << signer;
      }
}

// The attack that gave algorithm confusion its name: HS256 with the text of the public key.
TEST(Token, signed_with_the_text_of_a_public_key_is_refused) {
  const KeySet keys = all_keys();
  for (const Json& jwk : {public_part(rsa()), public_part(kP256), public_part(kEd25519)})
    for (const std::string& secret :
         {jwk.dump(), *parse_base64url(jwk.value("n", jwk.value("x", "")))}) {
      const auto key = TokenKey::from_secret(std::nullopt, secret);
      ASSERT_TRUE(key);
      for (const char* kid : {"h", "r", "e", "o"}) {
        const std::string text =
            to_base64url(Json{{"alg", "HS256"}, {"kid", kid}}.dump()) + "." + to_base64url(kClaims);
        EXPECT_FALSE(verify_token(keys, {}, text + "." + to_base64url(key->sign(text)), kNow));
      }
    }
}

TEST(Token, needs_a_kid_that_the_set_knows) {
  const KeySet keys = all_keys();
  const auto key = TokenKey::from_jwk(kEd25519, KeyUse::sign);  // names no kid
  EXPECT_FALSE(verify_token(keys, {}, sign_token(*key, {UserId("ann"), {}}, kNow), kNow));
  const auto unknown = TokenKey::from_jwk(with_kid(kEd25519, "x"), KeyUse::sign);
  EXPECT_FALSE(verify_token(keys, {}, sign_token(*unknown, {UserId("ann"), {}}, kNow), kNow));
}

}  // namespace
}  // namespace signalbox::gateway
