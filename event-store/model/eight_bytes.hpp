// Eight characters of a text looked at together, for texts of which nearly all hold nothing
// special. Each function marks bytes by their high bit. Pure; any thread.
#pragma once

#include <cstdint>
#include <cstring>

namespace signalbox {

class EightBytes {
 public:
  static constexpr std::size_t kSize = 8;

  explicit EightBytes(const char* at) { std::memcpy(&bytes_, at, kSize); }

  [[nodiscard]] std::uint64_t above_ascii() const { return bytes_ & kHighBits; }
  // Of bytes of ASCII; `bound` is at most 0x80.
  [[nodiscard]] std::uint64_t below(unsigned char bound) const {
    // With its high bit set no byte takes from its neighbour.
    return ~((bytes_ | kHighBits) - bound * kEachByte) & kHighBits;
  }
  [[nodiscard]] std::uint64_t equal(char ascii) const {
    // A byte that is not 0 reaches its high bit; without that bit before, it takes no carry along.
    const std::uint64_t different = bytes_ ^ static_cast<unsigned char>(ascii) * kEachByte;
    return ~((different & ~kHighBits) + ~kHighBits) & ~different & kHighBits;
  }

 private:
  static constexpr std::uint64_t kEachByte = 0x0101010101010101U;
  static constexpr std::uint64_t kHighBits = 0x80U * kEachByte;

  std::uint64_t bytes_;
};

}  // namespace signalbox
