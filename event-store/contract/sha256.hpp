// SHA-256 over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace signalbox::event_store {

using Hash = std::array<std::uint8_t, 32>;

// Incremental; one thread. After finish() it starts anew.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  void update(std::span<const std::uint8_t> bytes);
  // lp(x) of contract 1: length as u32 big-endian, then the bytes.
  void update_prefixed(std::string_view bytes);
  [[nodiscard]] Hash finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Hash sha256(std::string_view bytes);
[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);  // lowercase
[[nodiscard]] std::optional<Hash> parse_hash(std::string_view hex);

}  // namespace signalbox::event_store
