#include "ops/doctor/key_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>

#include "gateway/auth.hpp"
#include "tests/archive/written_log.hpp"

namespace signalbox::doctor {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

class KeyChecks : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + '/' + name;
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::ofstream(path(name)) << text;
    EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
    return path(name);
  }
  // A certificate that is good from `from` hours from now on until `until`, and its key.
  void give_certificate(const std::string& name, long from, long until) {
    const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, FreeCertificate> certificate(X509_new());
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until * 3600);
    X509_set_pubkey(certificate.get(), key.get());
    ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    std::FILE* file = std::fopen(path(name + ".pem").c_str(), "w");
    PEM_write_X509(file, certificate.get());
    std::fclose(file);
    file = std::fopen(path(name + ".key").c_str(), "w");
    PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ASSERT_EQ(::chmod(path(name + ".key").c_str(), 0600), 0);
  }
  [[nodiscard]] Finding tls(const std::string& name) const {
    return check_tls(path(name + ".pem"), path(name + ".key"), now());
  }
  static Timestamp now() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }

  event_store::TemporaryFolder folder_;
};

constexpr const char* kSecretKey =
    R"({"kty":"oct","alg":"HS256"%s,"k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"})";
std::string secret_set(const std::string& kid) {
  std::string key = kSecretKey;
  key.replace(key.find("%s"), 2, kid.empty() ? "" : ",\"kid\":\"" + kid + "\"");
  return "{\"keys\":[" + key + "]}";
}

TEST_F(KeyChecks, ADevKeyIsNeverMadeAndMustBeItsOwnersAlone) {
  EXPECT_EQ(check_dev_key(path("dev.key")).level, Level::ok);
  EXPECT_FALSE(std::filesystem::exists(path("dev.key")));
  ASSERT_TRUE(gateway::load_dev_key(path("dev.key")));
  EXPECT_EQ(check_dev_key(path("dev.key")).level, Level::ok);
  ASSERT_EQ(::chmod(path("dev.key").c_str(), 0644), 0);
  EXPECT_EQ(check_dev_key(path("dev.key")).mend, "chmod 600 " + path("dev.key"));
  write("dev.key", "too short");
  EXPECT_EQ(check_dev_key(path("dev.key")).level, Level::fault);
}

TEST_F(KeyChecks, AKeySetIsReadAsAServiceReadsIt) {
  EXPECT_EQ(check_jwks(path("none.json"), "").level, Level::fault);
  EXPECT_EQ(check_jwks(write("bad.json", "{\"keys\":[{\"kty\":\"oct\"}]}"), "").level,
            Level::fault);
  const Finding good = check_jwks(write("keys.json", secret_set("one")), "");
  EXPECT_EQ(good.level, Level::ok) << good.what;
  EXPECT_THAT(good.what, HasSubstr("1 key: HS256 one"));
  EXPECT_EQ(check_jwks(write("nameless.json", secret_set("")), "").level, Level::warning);
}

TEST_F(KeyChecks, ASecretThatOthersReadAndASetThatOthersWriteAreFaults) {
  const Finding secret = check_jwks(write("keys.json", secret_set("one"), 0644), "");
  EXPECT_EQ(secret.level, Level::fault);
  EXPECT_EQ(secret.mend, "chmod 600 " + path("keys.json"));
}

TEST_F(KeyChecks, TheListOfRevocationsIsReadAsAServiceReadsIt) {
  EXPECT_EQ(check_revoked_file(path("none")).mend, "touch " + path("none"));
  EXPECT_THAT(check_revoked_file(write("revoked", "sub ann\njti 7\n")).what,
              HasSubstr("revokes 2 tokens and users"));
  EXPECT_EQ(check_revoked_file(write("revoked", "ann\n")).level, Level::fault);
}

TEST_F(KeyChecks, ACertificateMustBeGoodForLongerThanAFortnight) {
  give_certificate("good", -1, 24 * 30);
  EXPECT_EQ(tls("good").level, Level::ok) << tls("good").what;
  give_certificate("soon", -1, 24 * 13);
  EXPECT_EQ(tls("soon").level, Level::warning);
  give_certificate("over", -48, -24);
  EXPECT_EQ(tls("over").level, Level::fault);
  EXPECT_THAT(tls("over").what, HasSubstr("expired at"));
  give_certificate("later", 24, 48);
  EXPECT_THAT(tls("later").what, HasSubstr("on only"));
}

TEST_F(KeyChecks, ACertificateAndAKeyMustFit) {
  give_certificate("one", -1, 24 * 30);
  give_certificate("two", -1, 24 * 30);
  const Finding mixed = check_tls(path("one.pem"), path("two.key"), now());
  EXPECT_EQ(mixed.level, Level::fault);
  EXPECT_THAT(mixed.mend, HasSubstr("ITS_KEY.pem " + path("two.key")));
  EXPECT_THAT(check_tls(path("none.pem"), path("two.key"), now()).mend, HasSubstr("RENEWED.pem"));
  ASSERT_EQ(::chmod(path("one.key").c_str(), 0644), 0);
  EXPECT_EQ(tls("one").mend, "chmod o= " + path("one.key"));
}

}  // namespace
}  // namespace signalbox::doctor
