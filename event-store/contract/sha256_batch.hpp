// Sha256Batch: SHA-256 of many messages at once, for who verifies a history. One message is a chain
// of steps that wait for each other; side by side, in the lanes of wide registers, sixteen take
// hardly longer than one. Nothing is ever written with it: what the library of `Sha256` wrote, this
// checks, so that neither can be wrong unnoticed (decision 0029).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "event-store/contract/sha256.hpp"

namespace signalbox::event_store {

class Sha256Batch {
 public:
  enum class Kernel {
    avx512,   // sixteen lanes
    avx2,     // eight
    library,  // one message after the other, which instructions for SHA-256 do as fast
  };
  [[nodiscard]] static bool can_use(Kernel kernel);  // on this processor
  [[nodiscard]] static Kernel fastest();

  explicit Sha256Batch(Kernel kernel = fastest());  // one that can be used

  // One thread. As those of Sha256, of the message that is being made.
  void update(std::string_view bytes);
  void update(std::span<const std::uint8_t> bytes);
  void update_prefixed(std::string_view bytes);
  void end();  // of that message
  // Of the messages in the order they ended in, good until the next call; then it begins anew. Keep
  // batches to what a processor's cache holds, some 100 KiB.
  [[nodiscard]] std::span<const Hash> finish();

 private:
  struct Message {
    std::size_t from;    // in padded_
    std::size_t blocks;  // of 64 bytes
    std::size_t number;
  };

  void hash_all();

  Kernel kernel_;
  std::vector<std::uint8_t> padded_{};  // messages, each with its padding
  std::size_t begun_ = 0;               // where the message that is being made begins
  std::vector<Message> messages_{};
  std::vector<Hash> hashes_{};
};

}  // namespace signalbox::event_store
