// How the texts of HTTP headers and tokens are compared: letters of ASCII without their case, and
// values without the blanks around them (RFC 9110, 5.5). Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace signalbox::gateway {

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);
// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace signalbox::gateway
