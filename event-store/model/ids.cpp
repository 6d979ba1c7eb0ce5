#include "event-store/model/ids.hpp"

#include <algorithm>

#include "event-store/model/utf8.hpp"

namespace signalbox {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Of nearly all ids. Without a branch for each character: a record has a dozen of them.
bool is_printable_ascii(std::string_view text) {
  unsigned others = 0;
  for (const char c : text) {
    const auto above_space = static_cast<unsigned>(static_cast<unsigned char>(c)) - 0x20U;
    others |= static_cast<unsigned>(above_space > 0x7eU - 0x20U);
  }
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
