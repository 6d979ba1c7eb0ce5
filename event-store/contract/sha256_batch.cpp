#include "event-store/contract/sha256_batch.hpp"

// See sha256.cpp.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <utility>

#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kLanesMax = 16;
// Fewer than these are faster one by one: a step of all lanes is as long as three of the library's.
constexpr std::size_t kLanesMin = 4;
constexpr std::size_t kWords = 8;  // of a state
constexpr std::size_t kRoomKept = 1024 * 1024;

// FIPS 180-4, 5.3.3 and 4.2.2.
constexpr std::array<std::uint32_t, kWords> kStart{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<std::uint32_t, 64> kRounds{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian(const std::uint8_t* from) {
  return static_cast<std::uint32_t>(from[0]) << 24 | static_cast<std::uint32_t>(from[1]) << 16 |
         static_cast<std::uint32_t>(from[2]) << 8 | from[3];
}

// Where each lane stands; a lane that is idle stays where it is.
struct LanePlaces {
  std::array<const std::uint8_t*, kLanesMax> next{};
  std::array<std::size_t, kLanesMax> stride{};  // bytes
};

#if defined(__x86_64__)

// That wide values would be handed over differently with other options: they never are, all of this
// becomes part of the two functions behind it.
#pragma GCC diagnostic ignored "-Wpsabi"

template <std::size_t Lanes>
struct Wide {
  typedef std::uint32_t Word __attribute__((vector_size(4 * Lanes)));
};

template <int Bits, class Word>
[[gnu::always_inline]] inline Word turned(const Word& word) {
  return (word >> Bits) | (word << (32 - Bits));
}

// FIPS 180-4, 6.2.2, of one block in each lane.
template <class Word>
[[gnu::always_inline]] inline void compress_block(Word (&state)[kWords], Word (&w)[16]) {
  auto [a, b, c, d, e, f, g, h] = state;
#pragma GCC unroll 64
  for (std::size_t i = 0; i < kRounds.size(); ++i) {
    if (i >= 16) {
      const Word& low = w[(i + 1) % 16];
      const Word& high = w[(i + 14) % 16];
      w[i % 16] += (turned<7>(low) ^ turned<18>(low) ^ (low >> 3)) + w[(i + 9) % 16] +
                   (turned<17>(high) ^ turned<19>(high) ^ (high >> 10));
    }
    const Word first = h + (turned<6>(e) ^ turned<11>(e) ^ turned<25>(e)) + (g ^ (e & (f ^ g))) +
                       kRounds[i] + w[i % 16];
    const Word second = (turned<2>(a) ^ turned<13>(a) ^ turned<22>(a)) + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  const Word ends[kWords] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < kWords; ++i) state[i] += ends[i];
}

// So many blocks of each lane, which then stands behind them. Word i of all states lies side by
// side.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void compress(std::uint32_t* states, LanePlaces& places,
                                            std::size_t blocks) {
  using Word = typename Wide<Lanes>::Word;
  Word state[kWords];
  std::memcpy(state, states, sizeof state);
  for (; blocks > 0; --blocks) {
    std::uint32_t columns[16][Lanes];
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
      for (std::size_t i = 0; i < 16; ++i) columns[i][lane] = big_endian(places.next[lane] + 4 * i);
      places.next[lane] += places.stride[lane];
    }
    Word w[16];
    std::memcpy(w, columns, sizeof w);
    compress_block(state, w);
  }
  std::memcpy(states, state, sizeof state);
}

[[gnu::target("avx512f,avx512bw")]] void compress_avx512(std::uint32_t* states, LanePlaces& places,
                                                         std::size_t blocks) {
  compress<16>(states, places, blocks);
}

[[gnu::target("avx2")]] void compress_avx2(std::uint32_t* states, LanePlaces& places,
                                           std::size_t blocks) {
  compress<8>(states, places, blocks);
}

// Then the library needs one instruction for two rounds.
bool has_sha_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kShaBit = 1U << 29;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & kShaBit) != 0;
}

#endif

// What is left of a message, as it is hashed by itself.
struct Rest {
  const std::uint8_t* next = nullptr;
  std::size_t blocks = 0;
};

Hash hash_of(std::span<const std::uint32_t, kWords> state) {
  Hash hash;
  for (std::size_t i = 0; i < hash.size(); ++i)
    hash[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  return hash;
}

Hash hash_alone(const std::array<std::uint32_t, kWords>& state, Rest rest) {
  SHA256_CTX context{};
  std::ranges::copy(state, context.h);
  // Whole blocks are hashed where they lie.
  SIGNALBOX_ASSERT(SHA256_Update(&context, rest.next, rest.blocks * kBlockBytes) == 1);
  return hash_of(context.h);
}

using Compress = void (*)(std::uint32_t* states, LanePlaces& places, std::size_t blocks);

// Messages side by side, each in a lane until it ends.
class Lanes {
 public:
  Lanes(Compress compress, std::size_t count, const std::uint8_t* any_block)
      : compress_(compress), count_(count), any_block_(any_block) {
    places_.next.fill(any_block);
  }

  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] bool is_idle(std::size_t lane) const { return left_[lane] == 0; }

  void begin(std::size_t lane, Rest message, std::size_t number) {
    for (std::size_t i = 0; i < kWords; ++i) states_[i * count_ + lane] = kStart[i];
    places_.next[lane] = message.next;
    places_.stride[lane] = kBlockBytes;
    left_[lane] = message.blocks;
    number_[lane] = number;
    ++busy_;
  }

  // Until one of them, at least, ends; sets the hashes of those that do.
  void run(std::vector<Hash>& hashes) {
    std::size_t steps = SIZE_MAX;
    for (std::size_t lane = 0; lane < count_; ++lane)
      if (!is_idle(lane)) steps = std::min(steps, left_[lane]);
    compress_(states_.data(), places_, steps);
    for (std::size_t lane = 0; lane < count_; ++lane)
      if (!is_idle(lane) && (left_[lane] -= steps) == 0) end(lane, hashes);
  }

  // The rest of each, one by one.
  void finish(std::vector<Hash>& hashes) {
    for (std::size_t lane = 0; lane < count_; ++lane)
      if (!is_idle(lane)) end(lane, hashes);
  }

 private:
  void end(std::size_t lane, std::vector<Hash>& hashes) {
    std::array<std::uint32_t, kWords> state{};
    for (std::size_t i = 0; i < kWords; ++i) state[i] = states_[i * count_ + lane];
    const Rest rest{places_.next[lane], std::exchange(left_[lane], 0)};
    hashes[number_[lane]] = rest.blocks == 0 ? hash_of(state) : hash_alone(state, rest);
    // Idle ones take any block, for nobody.
    places_.next[lane] = any_block_;
    places_.stride[lane] = 0;
    --busy_;
  }

  Compress compress_;
  std::size_t count_;
  const std::uint8_t* any_block_;  // for idle lanes
  std::size_t busy_ = 0;
  std::array<std::uint32_t, kWords * kLanesMax> states_{};
  LanePlaces places_{};
  std::array<std::size_t, kLanesMax> left_{};  // blocks; 0: idle
  std::array<std::size_t, kLanesMax> number_{};
};

}  // namespace

bool Sha256Batch::can_use(Kernel kernel) {
#if defined(__x86_64__)
  if (kernel == Kernel::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  if (kernel == Kernel::avx2) return __builtin_cpu_supports("avx2");
#endif
  return kernel == Kernel::library;
}

Sha256Batch::Kernel Sha256Batch::fastest() {
#if defined(__x86_64__)
  if (has_sha_instructions()) return Kernel::library;
  for (const Kernel kernel : {Kernel::avx512, Kernel::avx2})
    if (can_use(kernel)) return kernel;
#endif
  return Kernel::library;
}

Sha256Batch::Sha256Batch(Kernel kernel) : kernel_(kernel) { SIGNALBOX_ASSERT(can_use(kernel)); }

void Sha256Batch::update(std::span<const std::uint8_t> bytes) {
  padded_.insert(padded_.end(), bytes.begin(), bytes.end());
}

void Sha256Batch::update(std::string_view bytes) {
  update(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

void Sha256Batch::update_prefixed(std::string_view bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const std::uint8_t prefix[] = {
      static_cast<std::uint8_t>(length >> 24), static_cast<std::uint8_t>(length >> 16),
      static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
  update(prefix);
  update(bytes);
}

// FIPS 180-4, 5.1.1: a set bit, zeros, and the length in bits as the last eight bytes of a block.
void Sha256Batch::end() {
  constexpr std::size_t kLengthBytes = 8;
  const std::size_t bytes = padded_.size() - begun_;
  const std::size_t blocks = (bytes + 1 + kLengthBytes + kBlockBytes - 1) / kBlockBytes;
  padded_.resize(begun_ + blocks * kBlockBytes);
  padded_[begun_ + bytes] = 0x80;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    padded_[padded_.size() - 1 - i] = static_cast<std::uint8_t>(std::uint64_t{bytes} * 8 >> 8 * i);
  messages_.push_back({begun_, blocks, messages_.size()});
  begun_ = padded_.size();
}

std::span<const Hash> Sha256Batch::finish() {
  SIGNALBOX_ASSERT(begun_ == padded_.size());
  hashes_.resize(messages_.size());
  hash_all();
  padded_.clear();
  if (padded_.capacity() > kRoomKept) padded_.shrink_to_fit();
  begun_ = 0;
  messages_.clear();
  return hashes_;
}

void Sha256Batch::hash_all() {
  auto waiting = messages_.begin();
  const auto rest_of = [this](const Message& message) {
    return Rest{padded_.data() + message.from, message.blocks};
  };
#if defined(__x86_64__)
  if (kernel_ != Kernel::library && messages_.size() >= kLanesMin) {
    // The longest first: then the lanes end at about the same time.
    std::ranges::sort(messages_, std::ranges::greater(), &Message::blocks);
    const bool is_wide = kernel_ == Kernel::avx512;
    const std::size_t count = is_wide ? 16 : 8;
    Lanes lanes(is_wide ? compress_avx512 : compress_avx2, count, padded_.data());
    for (;;) {
      for (std::size_t lane = 0; lane < count && waiting != messages_.end(); ++lane)
        if (lanes.is_idle(lane)) {
          lanes.begin(lane, rest_of(*waiting), waiting->number);
          ++waiting;
        }
      if (lanes.busy() < kLanesMin) break;
      lanes.run(hashes_);
    }
    lanes.finish(hashes_);
  }
#endif
  for (; waiting != messages_.end(); ++waiting)
    hashes_[waiting->number] = hash_alone(kStart, rest_of(*waiting));
}

}  // namespace signalbox::event_store
