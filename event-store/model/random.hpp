// Random: the one source of randomness below ops/cli, seeded by the wiring, so that a seed replays
// a run. Not for keys or tokens: those come from OpenSSL where they are made.
#pragma once

#include <cstdint>
#include <random>

#include "event-store/model/uuid.hpp"

namespace signalbox {

// One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t next() { return engine_(); }
  // Uniform in [0, bound).
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }
  // A random (version 4) UUID.
  [[nodiscard]] Uuid uuid() {
    Uuid made;
    for (std::size_t i = 0; i < 16; i += 8) {
      const std::uint64_t bits = next();
      for (std::size_t j = 0; j < 8; ++j)
        made.bytes[i + j] = static_cast<std::uint8_t>(bits >> (8 * j));
    }
    made.bytes[6] = static_cast<std::uint8_t>((made.bytes[6] & 0x0f) | 0x40);
    made.bytes[8] = static_cast<std::uint8_t>((made.bytes[8] & 0x3f) | 0x80);
    return made;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace signalbox
