#include "router/agents/assistant/phrases.hpp"

#include <algorithm>
#include <array>

namespace signalbox::router {
namespace {

char lower_of(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word_character(char c) { return is_ascii_letter(c) || is_digit(c) || (c & 0x80) != 0; }

// True where a word does not go on over the border at `at`.
bool is_border(std::string_view text, std::size_t at) {
  if (at == 0 || at >= text.size()) return true;
  return !is_word_character(text[at - 1]) || !is_word_character(text[at]);
}

}  // namespace

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char c) { return lower_of(c) >= 'a' && lower_of(c) <= 'z'; }

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), lower_of);
  return made;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view trim_end(std::string_view text, std::string_view characters) {
  while (!text.empty() && (is_space(text.back()) || characters.find(text.back()) != text.npos))
    text.remove_suffix(1);
  return text;
}

std::string_view unquote(std::string_view text) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Pair, 6> kPairs = {
      {{"\"", "\""}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}, {"«", "»"}}};
  for (const auto& [open, close] : kPairs)
    if (text.size() >= open.size() + close.size() && text.starts_with(open) &&
        text.ends_with(close))
      return text.substr(open.size(), text.size() - open.size() - close.size());
  return text;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower_of(x) == lower_of(y); });
}

bool is_any(std::string_view text, Phrases phrases) {
  return std::any_of(phrases.begin(), phrases.end(),
                     [&](std::string_view phrase) { return same(text, phrase); });
}

std::optional<std::string_view> after_any(std::string_view text, Phrases leads) {
  for (const auto lead : leads)
    if (same(text.substr(0, lead.size()), lead) && is_border(text, lead.size()))
      return trim(text.substr(lead.size()));
  return std::nullopt;
}

std::optional<std::string_view> before_any(std::string_view text, Phrases tails) {
  for (const auto tail : tails) {
    if (text.size() < tail.size()) continue;
    const std::size_t at = text.size() - tail.size();
    if (same(text.substr(at), tail) && is_border(text, at)) return trim(text.substr(0, at));
  }
  return std::nullopt;
}

std::optional<std::pair<std::string_view, std::string_view>> split_at(std::string_view text,
                                                                      std::string_view separator,
                                                                      std::size_t start) {
  for (std::size_t at = start; at + separator.size() <= text.size(); ++at) {
    const std::size_t end = at + separator.size();
    if (same(text.substr(at, separator.size()), separator) && is_border(text, at) &&
        is_border(text, end))
      return std::pair(trim(text.substr(0, at)), trim(text.substr(end)));
  }
  return std::nullopt;
}

std::string_view strip_politeness(std::string_view question) {
  std::string_view rest = trim_end(trim(question), "?");
  while (true) {
    const auto shorter = after_any(
        rest, {"please", "can you", "could you", "would you", "will you", "tell me", "hey,",
               "hello,", "hi,", "ok,", "okay,", "assistant,", "now please", "i want to know",
               "i would like to know", "i'd like to know", "do you know"});
    if (!shorter || shorter->empty()) break;
    rest = *shorter;
    if (rest.front() == ',') rest = trim(rest.substr(1));
  }
  if (const auto shorter = before_any(rest, {", please", "please", ", thanks", ", thank you"});
      shorter && !shorter->empty())
    rest = trim_end(*shorter, "?");
  return rest;
}

}  // namespace signalbox::router
