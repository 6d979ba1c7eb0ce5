// AddressRange: one address or a CIDR range, as settings name them: `10.0.0.0/8`, `::1`,
// `192.0.2.7`. An IPv4 address mapped into IPv6 counts as IPv4. Immutable; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/model/result.hpp"

namespace signalbox::gateway {

// 16 bytes, big-endian; IPv4 as ::ffff:a.b.c.d.
using AddressBytes = std::array<std::uint8_t, 16>;
// Of a numeric address without port; none for anything else.
[[nodiscard]] std::optional<AddressBytes> parse_address(const std::string& text);

class AddressRange {
 public:
  // Errors: bad_config.
  [[nodiscard]] static Result<AddressRange> parse(const std::string& text);
  [[nodiscard]] bool contains(const AddressBytes& address) const;

 private:
  AddressRange(const AddressBytes& first, int bits) : first_(first), bits_(bits) {}
  AddressBytes first_;
  int bits_;  // of the 128 that must be equal
};

// Errors: bad_config, naming the item.
[[nodiscard]] Result<std::vector<AddressRange>> parse_ranges(const std::vector<std::string>& texts);
[[nodiscard]] bool contains(std::span<const AddressRange> ranges, const AddressBytes& address);

}  // namespace signalbox::gateway
