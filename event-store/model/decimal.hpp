// Numbers as decimal text, from outside. Pure; any thread.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace signalbox {

// The whole text as a number without a sign; there may be zeros in front. nullopt: it is none, or
// one too large for N.
template <std::integral N>
[[nodiscard]] std::optional<N> parse_decimal(std::string_view text) {
  N number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || text.front() == '-') return std::nullopt;
  return number;
}

}  // namespace signalbox
