#include "gateway/address_range.hpp"

#include <algorithm>
#include <asio/ip/address.hpp>

#include "event-store/model/decimal.hpp"

namespace signalbox::gateway {

std::optional<AddressBytes> parse_address(const std::string& text) {
  // The library reads as far as a NUL.
  if (text.find('\0') != text.npos) return std::nullopt;
  std::error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (error) return std::nullopt;
  return address.is_v6()
             ? address.to_v6().to_bytes()
             : asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
}

Result<AddressRange> AddressRange::parse(const std::string& text) {
  const auto refuse = [&] {
    return failure(Errc::bad_config, "'" + text + "' is no address and no range like 10.0.0.0/8");
  };
  const std::size_t slash = text.find('/');
  const auto first = parse_address(text.substr(0, slash));
  if (!first) return refuse();
  if (slash == text.npos) return AddressRange(*first, 128);
  const bool is_v4 = text.find(':') == text.npos;
  const auto bits = parse_decimal<int>(std::string_view(text).substr(slash + 1));
  if (!bits || *bits > (is_v4 ? 32 : 128)) return refuse();
  return AddressRange(*first, is_v4 ? 96 + *bits : *bits);
}

bool AddressRange::contains(const AddressBytes& address) const {
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  if (!std::equal(first_.begin(), first_.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.begin()))
    return false;
  const int rest = bits_ % 8;
  return rest == 0 || (first_[whole] ^ address[whole]) >> (8 - rest) == 0;
}

Result<std::vector<AddressRange>> parse_ranges(const std::vector<std::string>& texts) {
  std::vector<AddressRange> ranges;
  for (const std::string& text : texts) {
    auto range = AddressRange::parse(text);
    if (!range) return tl::unexpected(range.error());
    ranges.push_back(*range);
  }
  return ranges;
}

bool contains(std::span<const AddressRange> ranges, const AddressBytes& address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const AddressRange& range) { return range.contains(address); });
}

}  // namespace signalbox::gateway
