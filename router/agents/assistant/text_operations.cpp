#include "router/agents/assistant/text_operations.hpp"

#include <algorithm>

#include "event-store/model/utf8.hpp"
#include "router/agents/assistant/phrases.hpp"

namespace signalbox::router {
namespace {

constexpr unsigned char kLatin = 0xc3;  // lead byte of U+00C0 to U+00FF in UTF-8

unsigned char byte(char c) { return static_cast<unsigned char>(c); }

// Bytes of the code point that begins here.
std::size_t width_at(std::string_view text, std::size_t at) {
  std::size_t width = 1;
  while (at + width < text.size() && (byte(text[at + width]) & 0xc0U) == 0x80) ++width;
  return width;
}

// U+00C0..U+00DE and U+00E0..U+00FE pair up, but for the signs × and ÷ at 0x97 and 0xb7.
char latin_tail(char tail, bool upper) {
  const unsigned char c = byte(tail);
  if (upper && c >= 0xa0 && c <= 0xbe && c != 0xb7) return static_cast<char>(c - 0x20);
  if (!upper && c >= 0x80 && c <= 0x9e && c != 0x97) return static_cast<char>(c + 0x20);
  return tail;
}

char ascii_case(char c, bool upper) {
  if (upper && c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
  if (!upper && c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c;
}

std::string in_case(std::string_view text, bool upper) {
  std::string made(text);
  for (std::size_t i = 0; i < made.size(); ++i)
    made[i] = i > 0 && byte(made[i - 1]) == kLatin ? latin_tail(made[i], upper)
                                                   : ascii_case(made[i], upper);
  return made;
}

bool is_letter(std::string_view code_point) {
  return code_point.size() > 1 ? byte(code_point.front()) >= kLatin
                               : is_ascii_letter(code_point[0]);
}

// The letters and digits of a text, in lower case.
std::vector<std::string> letters_of(std::string_view lower) {
  std::vector<std::string> letters;
  for (const auto point : code_points(lower))
    if (is_letter(point) || is_digit(point[0])) letters.emplace_back(point);
  return letters;
}

template <class Parts>
std::string joined(const Parts& parts, std::string_view separator) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

// Equal but for case: in the order they came.
std::vector<std::string_view> sorted(std::vector<std::string_view> parts) {
  std::stable_sort(parts.begin(), parts.end(), [](std::string_view a, std::string_view b) {
    return lower_case(a) < lower_case(b);
  });
  return parts;
}

std::vector<std::string_view> split(std::string_view text, bool (*is_separator)(char)) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && !is_separator(text[i])) continue;
    if (const auto part = trim(text.substr(start, i - start)); !part.empty()) parts.push_back(part);
    start = i + 1;
  }
  return parts;
}

}  // namespace

std::vector<std::string_view> words_in(std::string_view text) { return split(text, is_space); }

std::vector<std::string_view> lines_in(std::string_view text) {
  return split(text, [](char c) { return c == '\n'; });
}

std::string_view bare_word(std::string_view word) {
  const auto part_of_word = [&](std::size_t at) {
    return is_ascii_letter(word[at]) || is_digit(word[at]) || (byte(word[at]) & 0x80U) != 0;
  };
  while (!word.empty() && !part_of_word(0)) word.remove_prefix(1);
  while (!word.empty() && !part_of_word(word.size() - 1)) word.remove_suffix(1);
  return word;
}

std::vector<std::string_view> code_points(std::string_view text) {
  std::vector<std::string_view> points;
  for (std::size_t i = 0; i < text.size();) {
    points.push_back(text.substr(i, width_at(text, i)));
    i += points.back().size();
  }
  return points;
}

std::string upper_case(std::string_view text) { return in_case(text, true); }
std::string lower_case(std::string_view text) { return in_case(text, false); }

std::string title_case(std::string_view text) {
  std::string made;
  bool within = false;
  for (const auto point : code_points(text)) {
    made += in_case(point, !within);
    within = is_letter(point) || is_digit(point[0]) || (within && point == "'");
  }
  return made;
}

std::string reversed(std::string_view text) {
  auto points = code_points(text);
  std::reverse(points.begin(), points.end());
  return joined(points, "");
}

std::string reversed_words(std::string_view text) {
  auto words = words_in(text);
  std::reverse(words.begin(), words.end());
  return joined(words, " ");
}

std::string sorted_words(std::string_view text) {
  if (text.find(',') == std::string_view::npos) return joined(sorted(words_in(text)), " ");
  return joined(sorted(split(text, [](char c) { return c == ',' || c == '\n'; })), ", ");
}

std::string sorted_lines(std::string_view text) { return joined(sorted(lines_in(text)), "\n"); }

std::string_view longest_word(std::string_view text) {
  std::string_view longest;
  for (const auto word : words_in(text))
    if (count_code_points(bare_word(word)) > count_code_points(longest)) longest = bare_word(word);
  return longest;
}

std::size_t count_letters(std::string_view text) {
  const auto points = code_points(text);
  return static_cast<std::size_t>(std::count_if(points.begin(), points.end(), is_letter));
}

std::size_t count_vowels(std::string_view text) {
  static constexpr std::string_view kAccented = "àáâãäåèéêëìíîïòóôõöùúûü";
  const std::string lower = lower_case(text);
  std::size_t count = 0;
  for (const auto point : code_points(lower))
    if ((point.size() == 1 ? std::string_view("aeiou") : kAccented).find(point) !=
        std::string_view::npos)
      ++count;
  return count;
}

std::size_t count_occurrences(std::string_view text, std::string_view part) {
  const std::string lower_text = lower_case(text);
  const std::string lower_part = lower_case(part);
  std::size_t count = 0;
  if (lower_part.empty()) return count;
  for (std::size_t at = lower_text.find(lower_part); at != std::string::npos;
       at = lower_text.find(lower_part, at + lower_part.size()))
    ++count;
  return count;
}

bool is_palindrome(std::string_view text) {
  const auto letters = letters_of(lower_case(text));
  return !letters.empty() && std::equal(letters.begin(), letters.end(), letters.rbegin());
}

bool are_anagrams(std::string_view a, std::string_view b) {
  auto letters = letters_of(lower_case(a));
  auto others = letters_of(lower_case(b));
  std::sort(letters.begin(), letters.end());
  std::sort(others.begin(), others.end());
  return !letters.empty() && letters == others;
}

}  // namespace signalbox::router
