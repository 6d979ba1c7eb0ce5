// Inputs made of other inputs, as a fuzzer without coverage can make them: bits, bytes, numbers at
// their limits, pieces left out, repeated, and taken from another input. The same seed makes the
// same inputs on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace signalbox::fuzz {

class Mutation {
 public:
  // `inputs` is not empty and outlives this.
  Mutation(const std::vector<std::string>& inputs, std::uint64_t seed)
      : inputs_(inputs), random_(seed) {}

  // One of the inputs, changed in one to four places.
  [[nodiscard]] std::string next();

 private:
  void change(std::string& input);
  // From 0 to below `end`, which is greater than 0.
  [[nodiscard]] std::size_t below(std::size_t end) { return random_() % end; }
  // Where a piece begins and how long it is, inside a text of that size.
  struct Piece {
    std::size_t begin;
    std::size_t size;
  };
  [[nodiscard]] Piece piece_of(std::size_t size);
  void replace_number(std::string& input);

  const std::vector<std::string>& inputs_;
  std::mt19937_64 random_;
};

}  // namespace signalbox::fuzz
