#include "event-store/model/ids.hpp"

#include <algorithm>

#include "event-store/model/utf8.hpp"

namespace signalbox {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_prefixed_word(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return false;
  const std::string_view rest = text.substr(prefix.size());
  return !rest.empty() && rest.size() <= 60 && std::ranges::all_of(rest, is_word_character);
}

}  // namespace

bool is_opaque_id(std::string_view text) {
  if (text.empty() || text.size() > kOpaqueIdBytesMax || !is_utf8(text)) return false;
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
