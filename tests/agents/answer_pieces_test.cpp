#include "router/agents/answer_pieces.hpp"

#include <gtest/gtest.h>

#include "event-store/model/utf8.hpp"

namespace signalbox::router {
namespace {

TEST(AnswerPieces, are_the_text_in_whole_words) {
  const std::string text =
      "A signal box routes trains and writes every movement into the train register, day and "
      "night.";
  std::string joined;
  for (const auto piece : answer_pieces(text)) {
    EXPECT_LE(piece.size(), kPieceBytes);
    joined += piece;
    EXPECT_TRUE(joined == text || joined.back() == ' ') << piece;
  }
  EXPECT_EQ(joined, text);
  EXPECT_GT(answer_pieces(text).size(), 1u);
}

TEST(AnswerPieces, never_cut_a_code_point) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += i % 3 == 0 ? "é" : "🙂";
  std::string joined;
  for (const auto piece : answer_pieces(text)) {
    EXPECT_TRUE(is_utf8(piece));
    joined += piece;
  }
  EXPECT_EQ(joined, text);
}

TEST(AnswerPieces, of_nothing_are_none) { EXPECT_TRUE(answer_pieces("").empty()); }

}  // namespace
}  // namespace signalbox::router
