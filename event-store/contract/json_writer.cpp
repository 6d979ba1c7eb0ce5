#include "event-store/contract/json_writer.hpp"

#include <algorithm>

#include "event-store/model/eight_bytes.hpp"
#include "event-store/model/utf8.hpp"

namespace signalbox::event_store {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string with_replacements(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    std::size_t length = 4;
    while (length > 0 && !(length <= text.size() && is_utf8(text.substr(0, length)))) --length;
    valid += length > 0 ? text.substr(0, length) : "\xef\xbf\xbd";
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

bool is_plain(char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20; }

bool is_plain_ascii(char c) { return is_plain(c) && static_cast<unsigned char>(c) < 0x80; }

// Almost every text is: eight characters are looked at together.
bool is_plain_ascii(std::string_view text) {
  std::uint64_t special = 0;
  for (; text.size() >= EightBytes::kSize; text.remove_prefix(EightBytes::kSize)) {
    const EightBytes bytes(text.data());
    special |= bytes.above_ascii() | bytes.below(' ') | bytes.equal('"') | bytes.equal('\\');
  }
  return special == 0 && std::ranges::all_of(text, [](char c) { return is_plain_ascii(c); });
}

void append_escaped(std::string& out, char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\u00";
  out += kDigits[static_cast<unsigned char>(c) >> 4];
  out += kDigits[static_cast<unsigned char>(c) & 15];
}

void append_valid(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto stop = std::ranges::find_if_not(text, is_plain);
    const auto plain = static_cast<std::size_t>(stop - text.begin());
    out += text.substr(0, plain);
    if (stop == text.end()) break;
    append_escaped(out, *stop);
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (is_plain_ascii(text)) {
    const std::size_t begin = out.size();
    out.append(text.size() + 2, '"');
    text.copy(out.data() + begin + 1, text.size());
    return;
  }
  if (is_ascii(text) || is_utf8(text))
    append_valid(out, text);
  else
    append_valid(out, with_replacements(text));
}

}  // namespace signalbox::event_store
