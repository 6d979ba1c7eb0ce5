// Base64 of RFC 4648, both alphabets. Decoding takes canonical text only: no white space, no
// stray bits after the last byte. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::event_store {

[[nodiscard]] std::string to_base64(std::string_view bytes);  // with padding
[[nodiscard]] std::optional<std::string> parse_base64(std::string_view text);

[[nodiscard]] std::string to_base64url(std::string_view bytes);  // without padding
[[nodiscard]] std::optional<std::string> parse_base64url(std::string_view text);

}  // namespace signalbox::event_store
