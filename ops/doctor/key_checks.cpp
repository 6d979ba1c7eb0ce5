#include "ops/doctor/key_checks.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "event-store/model/timestamp.hpp"
#include "gateway/auth.hpp"
#include "gateway/jwk_set.hpp"
#include "gateway/revocations.hpp"
#include "gateway/text_source.hpp"
#include "gateway/tls_context.hpp"

namespace signalbox::doctor {
namespace {

using std::chrono::hours;

constexpr std::size_t kBytesMax = 1 << 20;
constexpr std::chrono::seconds kFetchMax{10};
constexpr hours kExpiresSoon{14 * 24};

// 0 where there is no such file.
mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

bool is_address(const std::string& source) { return source.starts_with("https://"); }

Result<std::string> read_source(const std::string& source, const std::string& ca_file) {
  static const std::atomic<bool> kNeverStopping = false;
  const auto opened = is_address(source) ? gateway::make_address_source(source, ca_file, kFetchMax,
                                                                        kBytesMax, kNeverStopping)
                                         : gateway::make_file_source(source, kBytesMax);
  auto text = opened->read_if_changed();
  if (!text) return tl::unexpected(text.error());
  return text->value_or("");
}

std::string replace_command(const std::string& mode, const std::string& source,
                            const std::string& path) {
  return "install -m " + mode + ' ' + source + ' ' + shell_word(path);
}

// Secrets among keys that otherwise everybody may read.
bool has_secret(const gateway::KeySet& keys) {
  return std::ranges::any_of(keys.keys(), [](const gateway::TokenKey& key) {
    return key.algorithm() == gateway::TokenAlgorithm::hs256;
  });
}

Finding judge_jwks(const std::string& source, const gateway::JwkSet& set) {
  const auto& keys = set.keys.keys();
  if (!is_address(source) && has_secret(set.keys) && (mode_of(source) & 077) != 0)
    return fault("jwks", source + " holds a shared secret and can be read by others",
                 "whoever reads it can sign tokens for anybody", "chmod 600 " + shell_word(source));
  if (!is_address(source) && (mode_of(source) & 022) != 0)
    return fault("jwks", source + " can be written by others",
                 "whoever puts a key of his own in it can sign tokens for anybody",
                 "chmod go-w " + shell_word(source));
  std::string what =
      source + " has " + count_text(static_cast<std::int64_t>(keys.size()), "key", "keys");
  for (const gateway::TokenKey& key : keys)
    what += (&key == keys.data() ? ": " : ", ") + std::string(to_text(key.algorithm())) +
            (key.kid() ? " " + *key.kid() : " without kid");
  for (const std::string& left_out : set.left_out) what += "; left out: " + left_out;
  if (std::ranges::any_of(keys, [](const gateway::TokenKey& key) { return !key.kid(); }))
    return warning("jwks", what,
                   "without a kid no second key can stand beside it, so that a change of keys "
                   "refuses whoever has a token of the old one",
                   is_address(source) ? "curl -fsS " + shell_word(source)
                                      : replace_command("644", "JWK_SET_WITH_KIDS", source));
  return ok("jwks", what);
}

}  // namespace

Finding check_dev_key(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return ok("dev-key", path + " is not there yet; serve --dev makes it");
  if ((mode_of(path) & 077) != 0)
    return fault("dev-key", path + " can be read by others",
                 "whoever reads it can sign tokens for anybody, and serve --dev refuses it",
                 "chmod 600 " + shell_word(path));
  const auto key = gateway::load_dev_key(path);
  if (key) return ok("dev-key", path + " holds a key, and nobody else may read it");
  return fault("dev-key", key.error().message, "serve --dev does not start",
               "mv " + shell_word(path) + ' ' + shell_word(path + ".aside"));
}

Finding check_jwks(const std::string& source, const std::string& ca_file) {
  const std::string why = "nobody can sign in, and a service does not start";
  const auto text = read_source(source, ca_file);
  if (!text)
    return fault("jwks", source + ": " + text.error().message, why,
                 is_address(source)
                     ? "curl -fsS" + (ca_file.empty() ? "" : " --cacert " + shell_word(ca_file)) +
                           ' ' + shell_word(source)
                     : replace_command("644", "JWK_SET", source));
  const auto set = gateway::parse_jwk_set(*text);
  if (!set)
    return fault("jwks",
                 source + ": " + (set.error().field.empty() ? "" : set.error().field + ": ") +
                     set.error().message,
                 why,
                 is_address(source) ? "curl -fsS " + shell_word(source)
                                    : replace_command("644", "JWK_SET", source));
  return judge_jwks(source, *set);
}

Finding check_revoked_file(const std::string& path) {
  const auto text = read_source(path, "");
  if (!text)
    return fault("revoked-file", path + ": " + text.error().message, "a service does not start",
                 "touch " + shell_word(path));
  const auto revoked = gateway::Revocations::parse(*text);
  if (!revoked)
    return fault("revoked-file", path + ": " + revoked.error().message,
                 "none of its lines counts: a running service keeps the last good list, and none "
                 "starts",
                 "\"${EDITOR:-vi}\" " + shell_word(path));
  return ok("revoked-file", path + " revokes " +
                                count_text(static_cast<std::int64_t>(revoked->size()),
                                           "token or user", "tokens and users"));
}

Finding check_tls(const std::string& certificate, const std::string& key, Timestamp now) {
  const std::string renew = replace_command("644", "RENEWED.pem", certificate);
  const auto loaded = gateway::load_tls_context(certificate, key);
  if (!loaded)
    return fault(
        "tls", loaded.error().message, "no client can connect, a service does not start",
        loaded.error().field == "tls.key" ? replace_command("600", "ITS_KEY.pem", key) : renew);
  if ((mode_of(key) & 007) != 0)
    return fault("tls", key + " can be read by everybody",
                 "whoever has it can speak in the place of this service",
                 "chmod o= " + shell_word(key));
  const auto times = gateway::read_certificate_times(certificate);
  if (!times) return fault("tls", times.error().message, "no client can connect", renew);
  const std::string until = certificate + " is good until " + signalbox::to_text(times->until);
  const std::string why = "clients refuse to connect once it is over";
  if (now < times->from)
    return fault("tls",
                 certificate + " is good from " + signalbox::to_text(times->from) + " on only",
                 "clients refuse to connect before that", renew);
  if (now >= times->until)
    return fault("tls", certificate + " expired at " + signalbox::to_text(times->until), why,
                 renew);
  if (times->until - now < kExpiresSoon) return warning("tls", until, why, renew);
  return ok("tls", until + ", and " + key + " is its key");
}

std::vector<Finding> check_keys(const Subject& subject, Timestamp now) {
  std::vector<Finding> findings;
  if (subject.dev && subject.kafka)
    findings.push_back(ok("dev-key", "on Kafka it is made of the log's id: there is no file"));
  else if (subject.dev)
    findings.push_back(check_dev_key(subject.data + "/dev.key"));
  if (subject.jwks) findings.push_back(check_jwks(*subject.jwks, subject.ca_file.value_or("")));
  if (subject.revoked_file) findings.push_back(check_revoked_file(*subject.revoked_file));
  if (subject.tls_certificate && subject.tls_key)
    findings.push_back(check_tls(*subject.tls_certificate, *subject.tls_key, now));
  return findings;
}

}  // namespace signalbox::doctor
