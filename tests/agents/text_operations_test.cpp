#include "router/agents/assistant/text_operations.hpp"

#include <gtest/gtest.h>

namespace signalbox::router {
namespace {

TEST(TextOperations, counts_what_a_reader_would) {
  EXPECT_EQ(words_in("  one\ttwo\nthree ").size(), 3u);
  EXPECT_EQ(words_in(" ").size(), 0u);
  EXPECT_EQ(lines_in("a\n\nb\n").size(), 2u);
  EXPECT_EQ(count_letters("It's 7 o'clock, señor"), 14u);
  EXPECT_EQ(count_vowels("Über Áéíóú sky"), 7u);
  EXPECT_EQ(count_occurrences("aaaa", "aa"), 2u);
  EXPECT_EQ(count_occurrences("Mississippi", "S"), 4u);
  EXPECT_EQ(count_occurrences("anything", ""), 0u);
}

TEST(TextOperations, case_changes_latin_letters_and_leaves_the_rest) {
  EXPECT_EQ(upper_case("ñandú ß ÷ 東京 я"), "ÑANDÚ ß ÷ 東京 я");
  EXPECT_EQ(lower_case("ÀÖØÞ × Z"), "àöøþ × z");
  EXPECT_EQ(title_case("don't PANIC, éclair o-two"), "Don't Panic, Éclair O-Two");
}

TEST(TextOperations, reverses_code_points_and_words) {
  EXPECT_EQ(reversed("añ🙂b"), "b🙂ña");
  EXPECT_EQ(reversed(""), "");
  EXPECT_EQ(reversed_words("one  two three"), "three two one");
}

TEST(TextOperations, sorts_without_regard_to_case) {
  EXPECT_EQ(sorted_words("pear Apple fig apple"), "Apple apple fig pear");
  EXPECT_EQ(sorted_words("New York, austin ,Boston"), "austin, Boston, New York");
  EXPECT_EQ(sorted_lines("b c\n a\nB a"), "a\nB a\nb c");
}

TEST(TextOperations, the_longest_word_is_measured_in_characters) {
  EXPECT_EQ(longest_word("aaaa ñññ, \"bbbb\"!"), "aaaa");
  EXPECT_EQ(longest_word("(hello) wörld!!"), "hello");
  EXPECT_EQ(longest_word("..."), "");
}

TEST(TextOperations, palindromes_and_anagrams_look_at_letters_alone) {
  EXPECT_TRUE(is_palindrome("Was it a car or a cat I saw?"));
  EXPECT_TRUE(is_palindrome("Été"));
  EXPECT_FALSE(is_palindrome("été!e"));
  EXPECT_FALSE(is_palindrome("?!"));
  EXPECT_TRUE(are_anagrams("Dormitory", "dirty room"));
  EXPECT_FALSE(are_anagrams("aab", "abb"));
  EXPECT_FALSE(are_anagrams("", ""));
}

}  // namespace
}  // namespace signalbox::router
