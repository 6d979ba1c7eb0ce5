// Questions about words and texts. What stands after the question's own words is the text, as it
// was written.
#include "event-store/model/utf8.hpp"
#include "router/agents/assistant/phrases.hpp"
#include "router/agents/assistant/skill.hpp"
#include "router/agents/assistant/text_operations.hpp"

namespace signalbox::router {
namespace {

// ---- questions

// The text itself, without "the word", a colon and quotation marks around it.
std::string_view text_itself(std::string_view rest) {
  rest = trim(rest);
  if (rest.starts_with(":")) rest = trim(rest.substr(1));
  const auto named = after_any(
      rest, {"the word", "the words", "the sentence", "the phrase", "the text", "this text",
             "this sentence", "this", "the lines", "these words", "these lines"});
  if (named && !named->empty()) rest = *named;
  if (rest.starts_with(":")) rest = trim(rest.substr(1));
  return unquote(rest);
}

Json about(std::string_view operation, std::string_view text) {
  return Json{{"operation", operation}, {"text", text_itself(text)}};
}

struct Countable {
  std::string_view operation;
  std::string_view noun;
};
constexpr Countable kCountables[] = {{"count_words", "words"},
                                     {"count_characters", "characters"},
                                     {"count_letters", "letters"},
                                     {"count_vowels", "vowels"},
                                     {"count_lines", "lines"}};

std::optional<Json> understand_count(std::string_view q) {
  const auto asked = after_any(q, {"how many", "count the", "count all", "count", "number of",
                                   "the number of", "what is the number of"});
  if (!asked) return std::nullopt;
  for (const auto& [operation, noun] : kCountables) {
    const auto rest = after_any(*asked, {noun});
    if (!rest) continue;
    if (const auto inside = after_any(*rest, {"are there in", "are in", "in", "of"}))
      return about(operation, *inside);
    if (const auto inside = after_any(*rest, {"does", "do"}))
      if (const auto text = before_any(*inside, {"have", "contain"}))
        return about(operation, *text);
    if (rest->starts_with(":")) return about(operation, *rest);
  }
  return std::nullopt;
}

// "how many times does the letter r appear in strawberry", "how many r's are in strawberry"
std::optional<Json> understand_occurrences(std::string_view q) {
  const auto counted = [](std::string_view part, std::string_view text) {
    Json arguments = about("count_occurrences", text);
    arguments["part"] = text_itself(part);
    return arguments;
  };
  if (const auto asked = after_any(q, {"how many times does", "how often does"})) {
    for (const std::string_view verb : {"appear in", "occur in", "appears in"})
      if (const auto sides = split_at(*asked, verb)) {
        const auto letter = after_any(sides->first, {"the letter", "letter"});
        return counted(letter.value_or(sides->first), sides->second);
      }
  }
  if (const auto asked = after_any(q, {"how many", "count the", "count"})) {
    const auto sides = split_at(*asked, "in");
    if (!sides) return std::nullopt;
    std::string_view part = before_any(sides->first, {"are there", "are"}).value_or(sides->first);
    if (const auto letter = after_any(part, {"letter", "the letter"})) {
      part = *letter;
    } else if (const auto plural = before_any(part, {"'s", "’s"})) {
      part = *plural;
    } else {
      return std::nullopt;
    }
    if (count_code_points(unquote(part)) == 1) return counted(part, sides->second);
  }
  return std::nullopt;
}

struct Pattern {
  std::string_view operation;
  std::string_view lead;
  std::string_view tail;  // empty: the text is what follows the lead
};
// In the order in which they are tried.
constexpr Pattern kPatterns[] = {
    {"reverse_words", "reverse the words in", ""},
    {"reverse_words", "reverse the words of", ""},
    {"reverse_words", "reverse the order of the words in", ""},
    {"reverse", "reverse", ""},
    {"reverse", "spell", "backwards"},
    {"reverse", "write", "backwards"},
    {"reverse", "what is", "spelled backwards"},
    {"reverse", "what is", "backwards"},
    {"reverse", "what's", "backwards"},
    {"reverse", "", "backwards"},
    {"uppercase", "make", "uppercase"},
    {"uppercase", "convert", "to uppercase"},
    {"uppercase", "convert", "to upper case"},
    {"uppercase", "put", "in upper case"},
    {"uppercase", "write", "in capital letters"},
    {"uppercase", "uppercase", ""},
    {"uppercase", "upper case", ""},
    {"uppercase", "capitalize all of", ""},
    {"uppercase", "", "in upper case"},
    {"uppercase", "", "in uppercase"},
    {"uppercase", "", "in capital letters"},
    {"lowercase", "make", "lowercase"},
    {"lowercase", "convert", "to lowercase"},
    {"lowercase", "convert", "to lower case"},
    {"lowercase", "put", "in lower case"},
    {"lowercase", "lowercase", ""},
    {"lowercase", "lower case", ""},
    {"lowercase", "", "in lower case"},
    {"lowercase", "", "in lowercase"},
    {"title_case", "convert", "to title case"},
    {"title_case", "put", "in title case"},
    {"title_case", "title case", ""},
    {"title_case", "capitalize", ""},
    {"title_case", "", "in title case"},
    {"sort_lines", "sort the lines", ""},
    {"sort_lines", "sort these lines", ""},
    {"sort_lines", "sort lines", ""},
    {"sort_words", "sort the words in", ""},
    {"sort_words", "sort the words", ""},
    {"sort_words", "sort these words", ""},
    {"sort_words", "sort words", ""},
    {"sort_words", "sort alphabetically", ""},
    {"sort_words", "sort", "alphabetically"},
    {"sort_words", "put", "in alphabetical order"},
    {"sort_words", "sort", ""},
    {"longest_word", "what is the longest word in", ""},
    {"longest_word", "which is the longest word in", ""},
    {"longest_word", "find the longest word in", ""},
    {"longest_word", "the longest word in", ""},
    {"longest_word", "longest word in", ""},
    {"palindrome", "is", "a palindrome"},
};

// Without words in front that ask for it, more than one word is likely a question of its own.
bool is_one_piece(std::string_view text) {
  return unquote(text) != text || text.find(' ') == std::string_view::npos;
}

std::optional<Json> understand_pattern(std::string_view q) {
  for (const auto& [operation, lead, tail] : kPatterns) {
    std::optional<std::string_view> text = q;
    if (!lead.empty()) text = after_any(q, {lead});
    if (text && !tail.empty()) text = before_any(*text, {tail});
    if (text && (!lead.empty() || is_one_piece(*text))) return about(operation, *text);
  }
  return std::nullopt;
}

std::optional<Json> understand_anagram(std::string_view q) {
  auto sides = std::optional<std::pair<std::string_view, std::string_view>>();
  if (const auto is = after_any(q, {"is"})) sides = split_at(*is, "an anagram of");
  if (const auto are = after_any(q, {"are"}))
    if (const auto both = before_any(*are, {"anagrams", "anagrams of each other"}))
      sides = split_at(*both, "and");
  if (!sides) return std::nullopt;
  Json arguments = about("anagram", sides->first);
  arguments["other"] = text_itself(sides->second);
  return arguments;
}

std::optional<Json> understand(std::string_view question) {
  for (const auto try_one :
       {understand_occurrences, understand_count, understand_anagram, understand_pattern})
    if (auto arguments = try_one(question)) return arguments;
  return std::nullopt;
}

// ---- tool

std::optional<Json> counted(const std::string& operation, const std::string& text,
                            const std::string& part) {
  if (operation == "count_words") return words_in(text).size();
  if (operation == "count_characters") return count_code_points(text);
  if (operation == "count_letters") return count_letters(text);
  if (operation == "count_vowels") return count_vowels(text);
  if (operation == "count_lines") return lines_in(text).size();
  if (operation == "count_occurrences") return count_occurrences(text, part);
  return std::nullopt;
}

std::optional<Json> changed(const std::string& operation, const std::string& text) {
  if (operation == "reverse") return reversed(text);
  if (operation == "reverse_words") return reversed_words(text);
  if (operation == "uppercase") return upper_case(text);
  if (operation == "lowercase") return lower_case(text);
  if (operation == "title_case") return title_case(text);
  if (operation == "sort_words") return sorted_words(text);
  if (operation == "sort_lines") return sorted_lines(text);
  if (operation == "longest_word") return std::string(longest_word(text));
  return std::nullopt;
}

JsonResult work(const Json& arguments, Timestamp) {
  const std::string operation = text_of(arguments, "operation");
  const std::string text = text_of(arguments, "text");
  const std::string part = text_of(arguments, "part");
  if (trim(text).empty()) return bad_arguments("there is no text to work on");
  if (operation == "count_occurrences" && part.empty())
    return bad_arguments("it does not say what to count");
  if (auto count = counted(operation, text, part)) return Json{{"count", *count}};
  if (auto made = changed(operation, text)) return Json{{"text", *made}};
  if (operation == "palindrome") return Json{{"is", is_palindrome(text)}};
  if (operation == "anagram") return Json{{"is", are_anagrams(text, text_of(arguments, "other"))}};
  return bad_arguments("there is no text operation \"" + operation + "\"");
}

// ---- answers

std::string count_answer(const Json& arguments, std::size_t count) {
  const std::string operation = text_of(arguments, "operation");
  if (operation == "count_occurrences")
    return "\"" + text_of(arguments, "part") + "\" is in there " + std::to_string(count) +
           (count == 1 ? " time." : " times.");
  std::string noun = operation.substr(std::string_view("count_").size());
  if (count == 1) noun.pop_back();
  return (count == 1 ? "There is 1 " : "There are " + std::to_string(count) + " ") + noun + ".";
}

std::string answer(const Json& arguments, const Json& result) {
  if (result.contains("count"))
    return count_answer(arguments, result.value("count", std::size_t{0}));
  const std::string operation = text_of(arguments, "operation");
  const std::string text = "\"" + text_of(arguments, "text") + "\"";
  if (result.contains("is")) {
    const bool is = result.value("is", false);
    const std::string other = "\"" + text_of(arguments, "other") + "\"";
    const std::string what =
        operation == "anagram" ? "an anagram of " + other : std::string("a palindrome");
    return (is ? "Yes, " : "No, ") + text + (is ? " is " : " is not ") + what + ".";
  }
  if (operation == "longest_word")
    return "The longest word is \"" + text_of(result, "text") + "\".";
  return text_of(result, "text");
}

}  // namespace

Skill text_skill() {
  return {make_immediate_tool("text", work), "This is about words.",
          "count, reverse, sort or change words and texts: \"Is racecar a palindrome?\"",
          understand, answer};
}

}  // namespace signalbox::router
