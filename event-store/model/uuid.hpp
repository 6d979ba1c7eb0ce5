// Uuid: 16 bytes with the lowercase text form of RFC 9562. How our ids are computed from their
// parts is in event-store/contract/identity.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // Accepts only the 36-character lowercase or uppercase form; anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;  // lowercase

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace signalbox

template <>
struct std::hash<signalbox::Uuid> {
  std::size_t operator()(const signalbox::Uuid& uuid) const noexcept {
    // Our ids are random or hashes already, so eight of their bytes are as good as any mix.
    std::size_t head = 0;
    std::memcpy(&head, uuid.bytes.data() + 8, sizeof head);
    return head;
  }
};
