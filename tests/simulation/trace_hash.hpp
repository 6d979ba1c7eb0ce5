// TraceHash: 64 bits over everything a run did, in the order it was done. Two runs of one seed have
// the same, or the simulation depends on something that the seed does not fix. A value; pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace signalbox::simulation {

class TraceHash {
 public:
  void add(std::string_view bytes) {
    add(bytes.size());
    for (const char byte : bytes) mix(static_cast<unsigned char>(byte));
  }
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) mix((number >> shift) & 0xff);
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  // FNV-1a.
  void mix(std::uint64_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3ULL; }
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace signalbox::simulation
