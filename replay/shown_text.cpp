#include "replay/shown_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "event-store/model/utf8.hpp"

namespace signalbox::replay {
namespace {

// The character at the start of text: its bytes and its code point; no length: no UTF-8.
struct Character {
  std::size_t length;
  char32_t code;
};

Character first_of(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (!is_utf8(text.substr(0, length))) continue;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    static constexpr std::array<unsigned, 5> kMasks{0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t code = byte(0) & kMasks[length];
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3f);
    return {length, code};
  }
  return {0, 0};
}

bool is_harmful(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || c == 0x2028 ||
         c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void append_escape(std::string& out, char32_t c) {
  if (c == '\n') {
    out += "\\n";
    return;
  }
  std::array<char, 16> escape{};
  std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
  out += escape.data();
}

// How many characters that are shown as they are and of one byte stand at its start.
std::size_t count_plain(std::string_view text) {
  const auto end =
      std::ranges::find_if(text, [](char c) { return c < ' ' || c > '~'; });  // or negative
  return static_cast<std::size_t>(end - text.begin());
}

}  // namespace

std::string shown_text(std::string_view text, std::size_t characters_max) {
  std::string shown;
  for (std::size_t count = 0; !text.empty(); ++count) {
    const std::size_t plain = count_plain(text.substr(0, characters_max - count));
    shown += text.substr(0, plain);
    text.remove_prefix(plain);
    count += plain;
    if (text.empty()) break;
    if (count == characters_max) return shown + "…";
    const Character character = first_of(text);
    if (character.length == 0) {
      shown += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (is_harmful(character.code))
      append_escape(shown, character.code);
    else
      shown += text.substr(0, character.length);
    text.remove_prefix(character.length);
  }
  return shown;
}

}  // namespace signalbox::replay
