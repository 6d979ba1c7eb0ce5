#include "gateway/client_address.hpp"

#include "gateway/header_text.hpp"

namespace signalbox::gateway {
namespace {

// `192.0.2.1:4711`, `[2001:db8::1]:4711` and `[2001:db8::1]` as the address they name.
std::string_view without_port(std::string_view entry) {
  if (entry.starts_with('[')) {
    const std::size_t end = entry.find(']');
    return end == entry.npos ? entry : entry.substr(1, end - 1);
  }
  const std::size_t colon = entry.find(':');
  return colon == entry.rfind(':') ? entry.substr(0, colon) : entry;
}

}  // namespace

std::string client_address(const std::string& peer, std::optional<std::string_view> forwarded_for,
                           std::span<const AddressRange> trusted) {
  std::string client = peer;
  std::string_view left = forwarded_for.value_or("");
  while (!left.empty()) {
    const auto address = parse_address(client);
    if (!address || !contains(trusted, *address)) break;
    const std::size_t comma = left.rfind(',');
    const std::string entry(
        without_port(trimmed(comma == left.npos ? left : left.substr(comma + 1))));
    if (!parse_address(entry)) break;
    client = entry;
    left = comma == left.npos ? std::string_view() : left.substr(0, comma);
  }
  return client;
}

}  // namespace signalbox::gateway
