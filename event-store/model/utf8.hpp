// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace signalbox {

[[nodiscard]] bool is_utf8(std::string_view text);

// Number of code points of valid UTF-8.
[[nodiscard]] std::size_t count_code_points(std::string_view text);

// The longest prefix of valid UTF-8 text that fits in bytes_max and does not cut a code point.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max);

}  // namespace signalbox
