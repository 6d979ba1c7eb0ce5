#include "event-store/sqlite/packed_headers.hpp"

#include <cstdint>

namespace signalbox::event_store {
namespace {

constexpr std::size_t kLengthBytes = 4;

void append_prefixed(std::string& to, std::string_view bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(length >> shift));
  to.append(bytes);
}

// Takes lp(x) off the front; nullopt where the bytes end early.
std::optional<std::string_view> take_prefixed(std::string_view& bytes) {
  if (bytes.size() < kLengthBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length = length << 8 | static_cast<std::uint8_t>(bytes[i]);
  if (bytes.size() - kLengthBytes < length) return std::nullopt;
  const std::string_view taken = bytes.substr(kLengthBytes, length);
  bytes.remove_prefix(kLengthBytes + length);
  return taken;
}

}  // namespace

std::string pack_headers(const Headers& headers) {
  std::size_t size = 0;
  for (const Header& header : headers)
    size += 2 * kLengthBytes + header.name.size() + header.value.size();
  std::string packed;
  packed.reserve(size);
  for (const Header& header : headers) {
    append_prefixed(packed, header.name);
    append_prefixed(packed, header.value);
  }
  return packed;
}

std::optional<Headers> unpack_headers(std::string_view bytes) {
  Headers headers;
  while (!bytes.empty()) {
    const auto name = take_prefixed(bytes);
    const auto value = name ? take_prefixed(bytes) : std::nullopt;
    if (!value) return std::nullopt;
    headers.push_back({std::string(*name), std::string(*value)});
  }
  return headers;
}

}  // namespace signalbox::event_store
