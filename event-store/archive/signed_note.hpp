// Signed notes of C2SP (c2sp.org/signed-note) with one Ed25519 key: the text, an empty line, and a
// line `— <key name> <base64 of key id and signature>`. Pure but for the key's file; any thread.
//
// One key signs for every partition of a log, each under a key name of its own, so a key id is made
// of the name a note was signed under and the key (SHA-256(name || "\n" || 0x01 || key), 4 bytes).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::event_store {

using PublicKey = std::array<std::uint8_t, 32>;

// What a verifier holds: `<name>+<key id in hex>+<base64 of 0x01 and the key>`.
struct VerifierKey {
  std::string name;
  PublicKey key;
};
[[nodiscard]] std::string to_text(const VerifierKey& key);
// One line, with or without its end. Errors: malformed.
[[nodiscard]] Result<VerifierKey> parse_verifier_key(std::string_view text);

class SigningKey {
 public:
  // The key in a file (PKCS#8, PEM, mode 0600). Errors: not_found, bad_config (the file holds no
  // Ed25519 key), io_error.
  [[nodiscard]] static Result<SigningKey> load(const std::string& path);
  // The same, of its owner alone; where there is none, a new one is made and written. Errors:
  // bad_config, disk_full, io_error.
  [[nodiscard]] static Result<SigningKey> load_or_make(const std::string& path);
  // For tests: the key of these 32 bytes.
  [[nodiscard]] static SigningKey from_seed(const std::array<std::uint8_t, 32>& seed);

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  // `text` ends with a newline; it and `name` are as C2SP wants them.
  [[nodiscard]] std::string sign(std::string_view name, std::string_view text) const;

 private:
  struct Pkey;
  explicit SigningKey(std::shared_ptr<const Pkey> pkey);

  std::shared_ptr<const Pkey> pkey_;
  PublicKey public_key_;
};

// The text of a note, once its signature by this key under `name` was found good. Signatures of
// other keys are passed over, as C2SP wants it. Errors: malformed (no note, or a control character
// in it), forbidden (not signed by this key under this name, or a signature of it that is wrong).
[[nodiscard]] Result<std::string> open_note(std::string_view note, std::string_view name,
                                            const PublicKey& key);

}  // namespace signalbox::event_store
