#include "event-store/contract/base64.hpp"

#include <array>
#include <cstdint>

namespace signalbox::event_store {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> values_of(std::string_view alphabet) {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return values;
}
constexpr auto kStandardValues = values_of(kStandard);
constexpr auto kUrlValues = values_of(kUrl);

// Every frame of an event has a cursor: by pointers, which are not checked at each character.
std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text((bytes.size() * 4 + 2) / 3, '\0');
  const char* const digits = alphabet.data();
  const char* from = bytes.data();
  char* to = text.data();
  const auto byte = [&](std::size_t at) {
    return std::uint32_t{static_cast<std::uint8_t>(from[at])};
  };
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3, to += 4) {
    const std::uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    to[0] = digits[bits >> 18];
    to[1] = digits[bits >> 12 & 63u];
    to[2] = digits[bits >> 6 & 63u];
    to[3] = digits[bits & 63u];
  }
  if (left == 0) return text;
  const std::uint32_t bits = byte(0) << 16 | (left == 2 ? byte(1) << 8 : 0);
  to[0] = digits[bits >> 18];
  to[1] = digits[bits >> 12 & 63u];
  if (left == 2) to[2] = digits[bits >> 6 & 63u];
  return text;
}

std::optional<std::string> decode(std::string_view text,
                                  const std::array<std::int8_t, 256>& values) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int pending = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    pending += 6;
    if (pending < 8) continue;
    pending -= 8;
    bytes += static_cast<char>(bits >> pending & 0xffu);
  }
  const bool stray = pending == 6 || (bits & ((1u << pending) - 1)) != 0;
  if (stray) return std::nullopt;
  return bytes;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text = encode(bytes, kStandard);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> parse_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, kStandardValues);
}

std::string to_base64url(std::string_view bytes) { return encode(bytes, kUrl); }

std::optional<std::string> parse_base64url(std::string_view text) {
  return decode(text, kUrlValues);
}

}  // namespace signalbox::event_store
