// What the assistant compares questions with: phrases in any case, cut off at either end. All
// views returned are parts of the text that was given, so what a person wrote stays as it was.
// Letters of other scripts are compared byte by byte. Pure; any thread.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace signalbox::router {

using Phrases = std::initializer_list<std::string_view>;

[[nodiscard]] bool is_space(char c);
[[nodiscard]] bool is_digit(char c);
[[nodiscard]] bool is_ascii_letter(char c);
// ASCII letters in lower case.
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);
// Without any of `characters` and white space at the end.
[[nodiscard]] std::string_view trim_end(std::string_view text, std::string_view characters);
// Without one pair of quotation marks around it.
[[nodiscard]] std::string_view unquote(std::string_view text);

[[nodiscard]] bool same(std::string_view a, std::string_view b);
[[nodiscard]] bool is_any(std::string_view text, Phrases phrases);

// What follows one of the leads, trimmed; nothing where the text does not begin with any. A lead
// ends where a word ends. The first lead that fits is taken: longer ones go first.
[[nodiscard]] std::optional<std::string_view> after_any(std::string_view text, Phrases leads);
// What stands before one of the tails, trimmed.
[[nodiscard]] std::optional<std::string_view> before_any(std::string_view text, Phrases tails);
// Both sides of the first place where the separator stands as a word of its own, from `start` on.
[[nodiscard]] std::optional<std::pair<std::string_view, std::string_view>> split_at(
    std::string_view text, std::string_view separator, std::size_t start = 0);

// The question without what is said out of politeness: "hey, could you please tell me ...?".
[[nodiscard]] std::string_view strip_politeness(std::string_view question);

}  // namespace signalbox::router
