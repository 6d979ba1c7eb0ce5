#include "event-store/contract/sha256.hpp"

#include <openssl/evp.h>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

// Fetched once and kept for the life of the process: an EVP_MD may be shared by all threads.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  SIGNALBOX_ASSERT(fetched != nullptr);
  return fetched;
}

EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void restart(void* context) {
  SIGNALBOX_ASSERT(EVP_DigestInit_ex2(context_of(context), algorithm(), nullptr) == 1);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  SIGNALBOX_ASSERT(context_ != nullptr);
  restart(context_);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_of(context_)); }

void Sha256::update(std::string_view bytes) {
  SIGNALBOX_ASSERT(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
  SIGNALBOX_ASSERT(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()) == 1);
}

void Sha256::update_prefixed(std::string_view bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const std::uint8_t prefix[] = {
      static_cast<std::uint8_t>(length >> 24), static_cast<std::uint8_t>(length >> 16),
      static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  update(std::span<const std::uint8_t>(prefix));
  update(bytes);
}

Hash Sha256::finish() {
  Hash hash;
  SIGNALBOX_ASSERT(EVP_DigestFinal_ex(context_of(context_), hash.data(), nullptr) == 1);
  restart(context_);
  return hash;
}

Hash sha256(std::string_view bytes) {
  thread_local Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Hash> parse_hash(std::string_view hex) {
  Hash hash;
  if (hex.size() != hash.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return hash;
}

}  // namespace signalbox::event_store
