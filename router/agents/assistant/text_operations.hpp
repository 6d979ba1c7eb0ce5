// What can be done to a word or a text. All text is UTF-8; letters are those of ASCII and Latin-1
// (é, ñ, ü), others stay as they are. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signalbox::router {

// Parted by white space.
[[nodiscard]] std::vector<std::string_view> words_in(std::string_view text);
[[nodiscard]] std::vector<std::string_view> lines_in(std::string_view text);
// Without punctuation at its ends.
[[nodiscard]] std::string_view bare_word(std::string_view word);
[[nodiscard]] std::vector<std::string_view> code_points(std::string_view text);

[[nodiscard]] std::string upper_case(std::string_view text);
[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] std::string title_case(std::string_view text);
// By code points.
[[nodiscard]] std::string reversed(std::string_view text);
[[nodiscard]] std::string reversed_words(std::string_view text);
// Without regard to case. Words may also be parted by commas, which the result has then, too.
[[nodiscard]] std::string sorted_words(std::string_view text);
[[nodiscard]] std::string sorted_lines(std::string_view text);
// The first of the longest, in code points.
[[nodiscard]] std::string_view longest_word(std::string_view text);

[[nodiscard]] std::size_t count_letters(std::string_view text);
[[nodiscard]] std::size_t count_vowels(std::string_view text);  // a e i o u, with accents too
// Without regard to case; they do not overlap.
[[nodiscard]] std::size_t count_occurrences(std::string_view text, std::string_view part);
// By letters and digits alone; a text without any is none.
[[nodiscard]] bool is_palindrome(std::string_view text);
[[nodiscard]] bool are_anagrams(std::string_view a, std::string_view b);

}  // namespace signalbox::router
