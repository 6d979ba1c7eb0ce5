// Tokens (contract 11): JWTs checked against a set of keys and the list of what was revoked. Pure
// but for the time it is given; any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/result.hpp"
#include "gateway/revocations.hpp"
#include "gateway/token_key.hpp"

namespace signalbox::gateway {

// Who a token speaks for, once it was accepted.
struct Identity {
  UserId user_id;
  std::vector<std::string> roles;
  Timestamp expires;                  // without leeway
  std::string token_id{};             // jti; empty: the token has none
  std::optional<Timestamp> issued{};  // iat

  [[nodiscard]] bool has_role(std::string_view role) const;
};

// Keys by kid. With one key a token needs no kid, but one that it names must be the key's.
class KeySet {
 public:
  // Errors: bad_config (no key, several without kid, one kid twice).
  [[nodiscard]] static Result<KeySet> make(std::vector<TokenKey> keys);

  // The key for this kid and algorithm, or null.
  [[nodiscard]] const TokenKey* find(const std::optional<std::string>& kid,
                                     std::string_view algorithm) const;
  [[nodiscard]] std::span<const TokenKey> keys() const { return keys_; }

 private:
  explicit KeySet(std::vector<TokenKey> keys) : keys_(std::move(keys)) {}
  std::vector<TokenKey> keys_;
};

struct TokenRules {
  std::string audience = "signalbox";
  std::optional<std::string> issuer{};
  std::chrono::seconds leeway{30};
  std::size_t token_bytes_max = 8192;
};

// Errors: token_invalid, with a reason that says nothing about keys.
[[nodiscard]] Result<Identity> verify_token(const KeySet& keys, const TokenRules& rules,
                                            std::string_view token, Timestamp now);

// The keys and revocations in force, which may be replaced while sockets come in. Any thread.
class Authenticator {
 public:
  Authenticator(const Clock& clock, KeySet keys, TokenRules rules)
      : clock_(clock),
        rules_(std::move(rules)),
        keys_(std::make_shared<const KeySet>(std::move(keys))) {}
  [[nodiscard]] Result<Identity> verify(std::string_view token) const;
  void replace_keys(KeySet keys);
  void replace_revocations(Revocations revocations);
  // Grows with every list of revocations: what was let in before asks is_revoked() again.
  [[nodiscard]] std::uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_revoked(const Identity& identity) const;

 private:
  const Clock& clock_;
  const TokenRules rules_;
  std::atomic<std::uint64_t> revision_ = 0;
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;               // guarded by mutex_
  std::shared_ptr<const Revocations> revocations_ =  // guarded by mutex_
      std::make_shared<const Revocations>();
};

struct TokenClaims {
  UserId user_id;
  std::vector<std::string> roles;
  std::string audience = "signalbox";
  std::optional<std::string> issuer{};
  std::chrono::seconds time_to_live{3600};
};
// For /dev/token and `signalbox token`.
[[nodiscard]] std::string sign_token(const TokenKey& key, const TokenClaims& claims, Timestamp now);

// The key of `--dev`: 32 random bytes in `file`, made with mode 0600 when absent. Errors:
// bad_config (not 32 bytes, or readable by others), io_error.
[[nodiscard]] Result<TokenKey> load_dev_key(const std::string& file);
// The same where the log is on Kafka: HMAC-SHA256("signalbox-dev", log_id), so that every gateway
// agrees. Whoever can read the log can make it.
[[nodiscard]] TokenKey dev_key_of(const LogId& log);

}  // namespace signalbox::gateway
