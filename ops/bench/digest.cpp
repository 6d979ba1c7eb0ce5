#include "ops/bench/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

namespace signalbox::bench {

namespace {

// 5f0c7a52-93d1-4b7e-8a64-1d2e9c3b7f08
constexpr std::array<std::uint8_t, 16> kNamespace{0x5f, 0x0c, 0x7a, 0x52, 0x93, 0xd1, 0x4b, 0x7e,
                                                  0x8a, 0x64, 0x1d, 0x2e, 0x9c, 0x3b, 0x7f, 0x08};

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 0x0f]);
  }
  return text;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Digest digest{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return hex(digest.data(), size);
}

std::string contract_uuid(std::initializer_list<std::string_view> parts) {
  std::string input(kNamespace.begin(), kNamespace.end());
  for (const std::string_view part : parts) {
    const auto size = static_cast<std::uint32_t>(part.size());
    for (int shift = 24; shift >= 0; shift -= 8) input.push_back(static_cast<char>(size >> shift));
    input += part;
  }
  Digest digest{};
  unsigned size = 0;
  EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha1(), nullptr);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0f) | 0x50);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3f) | 0x80);
  const std::string text = hex(digest.data(), 16);
  return text.substr(0, 8) + "-" + text.substr(8, 4) + "-" + text.substr(12, 4) + "-" +
         text.substr(16, 4) + "-" + text.substr(20);
}

}  // namespace signalbox::bench
