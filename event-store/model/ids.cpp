#include "event-store/model/ids.hpp"

#include <algorithm>

#include "event-store/model/eight_bytes.hpp"
#include "event-store/model/utf8.hpp"

namespace signalbox {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::uint64_t others_among(const char* eight) {
  const EightBytes bytes(eight);
  return bytes.above_ascii() | bytes.below(' ') | bytes.equal('\x7f');
}

// Of nearly all ids. Eight characters at a time: a record has a dozen of them.
bool is_printable_ascii(std::string_view text) {
  std::uint64_t others = 0;
  if (text.size() < EightBytes::kSize)
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
  for (std::size_t at = 0; at + EightBytes::kSize <= text.size(); at += EightBytes::kSize)
    others |= others_among(text.data() + at);
  // The last eight, of which some were looked at.
  others |= others_among(text.data() + text.size() - EightBytes::kSize);
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
