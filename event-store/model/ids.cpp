#include "event-store/model/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "event-store/model/utf8.hpp"

namespace signalbox {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

constexpr std::uint64_t kEachByte = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = 0x80U * kEachByte;

// Not 0 where one of eight bytes is below a space, DEL or above ASCII.
std::uint64_t others_among(const char* eight) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight, sizeof bytes);
  // A byte with its high bit set counts by itself; without one nothing is carried to its neighbour.
  const std::uint64_t below_space = ~((bytes | kHighBits) - 0x20U * kEachByte);
  const std::uint64_t deletes = (bytes & ~kHighBits) + kEachByte;
  return (bytes | below_space | deletes) & kHighBits;
}

// Of nearly all ids. Eight characters at a time: a record has a dozen of them.
bool is_printable_ascii(std::string_view text) {
  std::uint64_t others = 0;
  if (text.size() < sizeof others)
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
  for (std::size_t at = 0; at + sizeof others <= text.size(); at += sizeof others)
    others |= others_among(text.data() + at);
  // The last eight, of which some were looked at.
  others |= others_among(text.data() + text.size() - sizeof others);
  return others == 0;
}

bool is_prefixed_word(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return false;
  const std::string_view rest = text.substr(prefix.size());
  return !rest.empty() && rest.size() <= 60 && std::ranges::all_of(rest, is_word_character);
}

}  // namespace

bool is_opaque_id(std::string_view text) {
  if (text.empty() || text.size() > kOpaqueIdBytesMax) return false;
  if (is_printable_ascii(text)) return true;
  if (!is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return false;
    // C1 controls are U+0080 to U+009F: C2 80 to C2 9F in UTF-8.
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

bool is_websocket_client_id(std::string_view text) { return is_prefixed_word("ws_", text); }

bool is_service_client_id(std::string_view text) { return is_prefixed_word("svc_", text); }

}  // namespace signalbox
