// Tokens: what is accepted, and forty that are not.
#include "gateway/auth.hpp"

#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <filesystem>
#include <future>
#include <set>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <set>
#include <vector>

#include "event-store/contract/base64.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::gateway {
namespace {

using event_store::to_base64url;

const Timestamp kNow{std::chrono::seconds(1'800'000'000)};
const std::string kSecret(32, 's');
const TokenKey kKey = *TokenKey::from_secret(std::nullopt, kSecret);

std::string mac(const EVP_MD* digest, const std::string& secret, const std::string& text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(digest, secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes, &size);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}
// Signed with the right key whatever its header says.
std::string token(const std::string& header, const std::string& claims,
                  const std::string& secret = kSecret) {
  const std::string text = to_base64url(header) + "." + to_base64url(claims);
  return text + "." + to_base64url(mac(EVP_sha256(), secret, text));
}
const std::string kHeader = R"({"alg":"HS256","typ":"JWT"})";
const std::string kClaims = R"({"sub":"ann","aud":"signalbox","exp":1800000100})";
std::string with(const std::string& claims) { return token(kHeader, claims); }

TEST(Token, of_ours_is_accepted_with_user_roles_and_expiry) {
  const std::string text = sign_token(kKey, {UserId("105945141827451681156"), {"auditor"}}, kNow);
  const auto identity = verify_token(*KeySet::make({kKey}), {}, text, kNow);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->user_id, UserId("105945141827451681156"));
  EXPECT_TRUE(identity->has_role("auditor"));
  EXPECT_FALSE(identity->has_role("auditors"));
  EXPECT_EQ(identity->expires, kNow + std::chrono::hours(1));
}

TEST(Token, is_accepted_in_every_form_the_standard_allows) {
  const KeySet keys = *KeySet::make({kKey});
  for (const std::string& claims :
       {kClaims, std::string(R"({"sub":"ann","aud":["x","signalbox"],"exp":1800000100})"),
        std::string(R"({"sub":"ann","aud":"signalbox","exp":1800000000.5,"nbf":1799999999})"),
        std::string(R"({"sub":"ann","aud":"signalbox","exp":1799999971})"),  // within leeway
        std::string(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"nbf":1800000030})"),
        std::string(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"roles":[],"x":{}})")})
    EXPECT_TRUE(verify_token(keys, {}, with(claims), kNow)) << claims;
}

TEST(Token, is_taken_with_every_type_of_an_access_token) {
  const KeySet keys = *KeySet::make({kKey});
  for (const char* const type : {"JWT", "jwt", "at+jwt", "application/at+JWT", "Application/JWT"}) {
    const std::string header = R"({"alg":"HS256","typ":")" + std::string(type) + "\"}";
    EXPECT_TRUE(verify_token(keys, {}, token(header, kClaims), kNow)) << type;
  }
}

TEST(Token, a_refusal_does_not_tell_which_keys_there_are) {
  const KeySet keys = *KeySet::make(
      {*TokenKey::from_secret("a", kSecret), *TokenKey::from_secret("b", std::string(32, 'b'))});
  std::set<std::string> told;
  for (const char* const header :
       {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"a"})", R"({"alg":"HS256","kid":"x"})",
        R"({"alg":"ES256","kid":"a"})", R"({"alg":"none"})"})
    told.insert(
        verify_token(keys, {}, token(header, kClaims, std::string(32, 't')), kNow).error().message);
  EXPECT_EQ(told.size(), 1U);
}

struct BadToken {
  const char* name;
  std::string text;
};
class BadTokens : public testing::TestWithParam<BadToken> {};

TEST_P(BadTokens, are_refused) {
  TokenRules rules;
  rules.issuer = "https://issuer.example";
  const KeySet keys = *KeySet::make({kKey});
  const auto refused = verify_token(keys, {}, GetParam().text, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::token_invalid);
  EXPECT_EQ(refused.error().field, "token");
  EXPECT_FALSE(refused.error().message.empty());
  EXPECT_EQ(refused.error().message.find(kSecret), std::string::npos);
}

std::string unsigned_text(const std::string& header = kHeader) {
  return to_base64url(header) + "." + to_base64url(kClaims);
}
std::string good() { return with(kClaims); }

INSTANTIATE_TEST_SUITE_P(
    Each, BadTokens,
    testing::Values(
        BadToken{"empty", ""}, BadToken{"one_part", "abc"}, BadToken{"two_parts", unsigned_text()},
        BadToken{"four_parts", good() + ".x"}, BadToken{"five_parts_of_jwe", "a.b.c.d.e"},
        BadToken{"no_signature", unsigned_text() + "."},
        BadToken{"alg_none_without_signature", unsigned_text(R"({"alg":"none"})") + "."},
        BadToken{"alg_none_signed", token(R"({"alg":"none"})", kClaims)},
        BadToken{"alg_None", token(R"({"alg":"None"})", kClaims)},
        BadToken{"alg_missing", token(R"({"typ":"JWT"})", kClaims)},
        BadToken{"alg_is_number", token(R"({"alg":256})", kClaims)},
        BadToken{"alg_lower_case", token(R"({"alg":"hs256"})", kClaims)},
        BadToken{"alg_hs384_signed_so",
                 unsigned_text(R"({"alg":"HS384"})") + "." +
                     to_base64url(mac(EVP_sha384(), kSecret, unsigned_text(R"({"alg":"HS384"})")))},
        BadToken{"alg_hs512", token(R"({"alg":"HS512"})", kClaims)},
        BadToken{"alg_rs256_signed_by_hmac", token(R"({"alg":"RS256"})", kClaims)},
        BadToken{"alg_es256_signed_by_hmac", token(R"({"alg":"ES256"})", kClaims)},
        BadToken{"alg_eddsa_signed_by_hmac", token(R"({"alg":"EdDSA"})", kClaims)},
        BadToken{"unknown_kid", token(R"({"alg":"HS256","kid":"x"})", kClaims)},
        BadToken{"kid_is_no_string", token(R"({"alg":"HS256","kid":1})", kClaims)},
        BadToken{"critical_extension",
                 token(R"({"alg":"HS256","crit":["b64"],"b64":false})", kClaims)},
        BadToken{"header_is_array", token("[]", kClaims)},
        BadToken{"header_is_garbage", token("{", kClaims)},
        BadToken{"other_secret", token(kHeader, kClaims, std::string(32, 't'))},
        BadToken{"secret_one_byte_longer", token(kHeader, kClaims, kSecret + "s")},
        BadToken{"empty_secret", token(kHeader, kClaims, "")},
        BadToken{"signature_cut", good().substr(0, good().size() - 2)},
        BadToken{"signature_longer", good() + "AA"},
        BadToken{"signature_of_other_claims",
                 unsigned_text() + good().substr(0, 0) +
                     with(R"({"sub":"bob"})").substr(with(R"({"sub":"bob"})").rfind('.'))},
        BadToken{"base64_padding", good() + "="}, BadToken{"base64_plain_alphabet", good() + "+/"},
        BadToken{"white_space", " " + good()}, BadToken{"new_line_at_end", good() + "\n"},
        BadToken{"too_long", std::string(9000, 'a')}, BadToken{"claims_are_array", with("[]")},
        BadToken{"claims_are_garbage", with("{\"sub\":")},
        BadToken{"no_exp", with(R"({"sub":"ann","aud":"signalbox"})")},
        BadToken{"exp_is_text", with(R"({"sub":"ann","aud":"signalbox","exp":"1800000100"})")},
        BadToken{"exp_is_negative", with(R"({"sub":"ann","aud":"signalbox","exp":-1})")},
        BadToken{"exp_is_huge", with(R"({"sub":"ann","aud":"signalbox","exp":1e300})")},
        BadToken{"expired", with(R"({"sub":"ann","aud":"signalbox","exp":1799999970})")},
        BadToken{"not_valid_yet",
                 with(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"nbf":1800000031})")},
        BadToken{"nbf_is_text",
                 with(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"nbf":"0"})")},
        BadToken{"no_audience", with(R"({"sub":"ann","exp":1800000100})")},
        BadToken{"other_audience", with(R"({"sub":"ann","aud":"signalboxes","exp":1800000100})")},
        BadToken{"audience_not_in_list", with(R"({"sub":"ann","aud":["x"],"exp":1800000100})")},
        BadToken{"audience_is_object",
                 with(R"({"sub":"ann","aud":{"signalbox":1},"exp":1800000100})")},
        BadToken{"no_sub", with(R"({"aud":"signalbox","exp":1800000100})")},
        BadToken{"sub_is_number", with(R"({"sub":7,"aud":"signalbox","exp":1800000100})")},
        BadToken{"sub_is_empty", with(R"({"sub":"","aud":"signalbox","exp":1800000100})")},
        BadToken{"sub_has_control_character",
                 with(R"({"sub":"a\u0000b","aud":"signalbox","exp":1800000100})")},
        BadToken{"sub_is_too_long", with(R"({"sub":")" + std::string(129, 'a') +
                                         R"(","aud":"signalbox","exp":1800000100})")},
        BadToken{"roles_are_text",
                 with(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"roles":"auditor"})")},
        BadToken{"header_member_twice", token(R"({"alg":"HS256","alg":"HS256"})", kClaims)},
        BadToken{"claim_twice",
                 with(R"({"sub":"bob","aud":"signalbox","exp":1800000100,"sub":"ann"})")},
        BadToken{"claim_twice_once_escaped",
                 with(R"({"sub":"bob","aud":"signalbox","exp":1800000100,"s\u0075b":"ann"})")},
        BadToken{"unencoded_payload", token(R"({"alg":"HS256","b64":false})", kClaims)},
        BadToken{"logout_token", token(R"({"alg":"HS256","typ":"logout+jwt"})", kClaims)},
        BadToken{"typ_is_no_string", token(R"({"alg":"HS256","typ":1})", kClaims)},
        BadToken{"a_role_is_number",
                 with(R"({"sub":"ann","aud":"signalbox","exp":1800000100,"roles":[1]})")}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(Token, every_changed_byte_is_noticed) {
  const KeySet keys = *KeySet::make({kKey});
  const std::string text = good();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify_token(keys, {}, changed, kNow)) << i;
  }
}

TEST(Token, the_issuer_counts_where_one_is_configured) {
  TokenRules rules;
  rules.issuer = "https://a.example";
  const KeySet keys = *KeySet::make({kKey});
  EXPECT_FALSE(verify_token(keys, rules, good(), kNow));
  EXPECT_FALSE(verify_token(
      keys, rules, with(R"({"sub":"a","aud":"signalbox","exp":1800000100,"iss":"b"})"), kNow));
  EXPECT_TRUE(verify_token(
      keys, rules,
      with(R"({"sub":"a","aud":"signalbox","exp":1800000100,"iss":"https://a.example"})"), kNow));
}

TEST(KeySet, with_several_keys_needs_a_kid_and_takes_the_one_it_names) {
  const TokenKey a = *TokenKey::from_secret("a", std::string(32, 'a'));
  const TokenKey b = *TokenKey::from_secret("b", std::string(32, 'b'));
  const KeySet keys = *KeySet::make({a, b});
  EXPECT_TRUE(verify_token(keys, {}, sign_token(b, {UserId("ann"), {}}, kNow), kNow));
  EXPECT_FALSE(verify_token(keys, {}, token(kHeader, kClaims, std::string(32, 'a')), kNow));
  EXPECT_FALSE(verify_token(
      keys, {}, token(R"({"alg":"HS256","kid":"a"})", kClaims, std::string(32, 'b')), kNow));
}

TEST(KeySet, refuses_sets_that_would_be_unsafe) {
  EXPECT_FALSE(KeySet::make({}));
  EXPECT_FALSE(KeySet::make({kKey, kKey}));
  EXPECT_FALSE(
      KeySet::make({*TokenKey::from_secret("a", kSecret), *TokenKey::from_secret("a", kSecret)}));
  EXPECT_FALSE(TokenKey::from_secret(std::nullopt, "short"));
}

TEST(Authenticator, refuses_what_was_revoked_and_tells_that_the_list_changed) {
  test_support::SimulatedScheduler scheduler;
  Authenticator authenticator(scheduler.clock(), *KeySet::make({kKey}), {});
  const auto now = std::chrono::floor<std::chrono::seconds>(scheduler.clock().now());
  const std::string good = sign_token(kKey, {UserId("ann"), {}}, now);
  const auto identity = authenticator.verify(good);
  ASSERT_TRUE(identity);
  const auto revision = authenticator.revision();
  authenticator.replace_revocations(*Revocations::parse("sub ann\n"));
  EXPECT_GT(authenticator.revision(), revision);
  EXPECT_TRUE(authenticator.is_revoked(*identity));
  EXPECT_EQ(authenticator.verify(good).error().message, "was revoked");
  authenticator.replace_revocations(*Revocations::parse("sub bob\n"));
  EXPECT_TRUE(authenticator.verify(good));
}

TEST(DevKey, is_made_once_with_mode_0600_and_read_again) {
  const std::string dir = testing::TempDir() + "dev_key_test";
  std::filesystem::remove_all(dir);
  std::filesystem::create_directory(dir);
  const std::string file = dir + "/dev.key";
  const auto made = load_dev_key(file);
  ASSERT_TRUE(made);
  EXPECT_EQ(std::filesystem::file_size(file), 32U);
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(load_dev_key(file)->sign("text"), made->sign("text"));
  ::chmod(file.c_str(), 0640);
  EXPECT_EQ(load_dev_key(file).error().code, Errc::bad_config);
  ::chmod(file.c_str(), 0600);
  std::ofstream(file, std::ios::app) << "x";
  EXPECT_EQ(load_dev_key(file).error().code, Errc::bad_config);
  EXPECT_EQ(load_dev_key(dir + "/no/dev.key").error().code, Errc::io_error);
}

// A key that another one had put in the place of one's own made tokens that nobody took.
TEST(DevKey, IsOneForAllWhoStartAtOnce) {
  const std::string dir = testing::TempDir() + "dev_key_at_once";
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove_all(dir);
    std::filesystem::create_directory(dir);
    std::vector<std::future<Result<std::string>>> all;
    for (int i = 0; i < 8; ++i)
      all.push_back(std::async(std::launch::async, [&dir] {
        return load_dev_key(dir + "/dev.key").map([](const TokenKey& key) {
          return key.sign("text");
        });
      }));
    std::set<std::string> signatures;
    for (auto& one : all) {
      const auto signature = one.get();
      ASSERT_TRUE(signature) << signature.error().message;
      signatures.insert(*signature);
    }
    EXPECT_EQ(signatures.size(), 1u);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 1);
  }
}

}  // namespace
}  // namespace signalbox::gateway
