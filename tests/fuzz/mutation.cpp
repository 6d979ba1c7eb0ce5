#include "tests/fuzz/mutation.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace signalbox::fuzz {
namespace {

constexpr std::size_t kPieceBytesMax = 64;
constexpr std::size_t kInputBytesMax = 64 * 1024;

// What parsers get wrong: ends of ranges, ends of texts, what nests.
constexpr std::array<std::string_view, 20> kWords{"0",
                                                  "-1",
                                                  "00",
                                                  "1e999",
                                                  "2147483648",
                                                  "4611686018427387904",
                                                  "9223372036854775807",
                                                  "9223372036854775808",
                                                  "18446744073709551615",
                                                  "\r\n",
                                                  "\n\n",
                                                  "\xed\xa0\x80",
                                                  "\\ud800",
                                                  "%00",
                                                  "[[[[[[[[",
                                                  "{\"a\":",
                                                  "null",
                                                  "\"\"",
                                                  "\xff",
                                                  std::string_view("\0", 1)};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string Mutation::next() {
  std::string input = inputs_[below(inputs_.size())];
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
  return input;
}

Mutation::Piece Mutation::piece_of(std::size_t size) {
  const std::size_t begin = below(size);
  return {begin, 1 + below(std::min(kPieceBytesMax, size - begin))};
}

void Mutation::replace_number(std::string& input) {
  const auto from = input.begin() + static_cast<std::ptrdiff_t>(below(input.size()));
  const auto begin = std::find_if(from, input.end(), is_digit);
  const auto end = std::find_if_not(begin, input.end(), is_digit);
  input.replace(begin, end, kWords[below(kWords.size())]);
}

void Mutation::change(std::string& input) {
  const std::string_view word = kWords[below(kWords.size())];
  if (input.empty()) return void(input = word);
  const Piece piece = piece_of(input.size());
  const auto at = [&] { return below(input.size() + 1); };
  switch (below(9)) {
    case 0: input[piece.begin] = static_cast<char>(input[piece.begin] ^ (1 << below(8))); break;
    case 1: input[piece.begin] = static_cast<char>(below(256)); break;
    case 2: input.erase(piece.begin, piece.size); break;
    case 3: input.insert(at(), input.substr(piece.begin, piece.size)); break;
    case 4: input.insert(at(), word); break;
    case 5: input.replace(piece.begin, piece.size, word); break;
    case 6: input.resize(piece.begin); break;
    case 7: replace_number(input); break;
    default: {
      const std::string& other = inputs_[below(inputs_.size())];
      if (other.empty()) break;
      const Piece taken = piece_of(other.size());
      input.insert(at(), other.substr(taken.begin, taken.size));
    }
  }
}

}  // namespace signalbox::fuzz
