#include "event-store/model/headers.hpp"

#include <array>

namespace signalbox {
namespace {

constexpr std::size_t kHeadersUsual = 24;

// Many names are of one length, and few of those end alike.
bool is_same(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && (name.empty() || name.back() == wanted.back()) &&
         name == wanted;
}

}  // namespace

Headers::Headers(std::initializer_list<Header> headers) {
  std::size_t bytes = 0;
  for (const Header& header : headers)
    bytes += 2 * kLengthBytes + header.name.size() + header.value.size();
  reserve(bytes);
  for (const Header& header : headers) add(header.name, header.value);
}

std::optional<Headers> Headers::parse(std::string_view bytes) {
  Headers headers;
  if (!headers.assign(bytes)) return std::nullopt;
  return headers;
}

bool Headers::assign(std::string_view bytes) {
  std::string_view left = bytes;
  std::size_t texts = 0;
  for (; !left.empty(); ++texts) {
    if (left.size() < kLengthBytes) return false;
    const std::size_t length = length_at(left.data());
    if (left.size() - kLengthBytes < length) return false;
    left.remove_prefix(kLengthBytes + length);
  }
  if (texts % 2 != 0) return false;
  bytes_ = bytes;
  return true;
}

void Headers::add(std::string_view name, std::string_view value) {
  append(name);
  append(value);
}

void Headers::set(std::string_view name, std::string_view value) {
  Headers changed;
  bool is_new = true;
  for (const Header header : *this) {
    const bool is_meant = header.name == name;
    changed.add(header.name, is_meant ? value : header.value);
    if (is_meant) is_new = false;
  }
  if (is_new) changed.add(name, value);
  *this = std::move(changed);
}

// By hand and not through the iterator, which reads each length twice: of many records several
// headers are looked for.
std::optional<std::string_view> Headers::find(std::string_view name) const {
  const char* const end = bytes_.data() + bytes_.size();
  for (const char* at = bytes_.data(); at != end;) {
    const std::string_view here = text_at(at);
    const std::string_view value = text_at(here.data() + here.size());
    if (is_same(here, name)) return value;
    at = value.data() + value.size();
  }
  return std::nullopt;
}

std::vector<Header> Headers::split() const {
  std::vector<Header> all;
  all.reserve(kHeadersUsual);
  split_into(all);
  return all;
}

void Headers::split_into(std::vector<Header>& all) const {
  all.clear();
  const char* const end = bytes_.data() + bytes_.size();
  for (const char* at = bytes_.data(); at != end;) {
    const std::string_view name = text_at(at);
    const std::string_view value = text_at(name.data() + name.size());
    all.push_back({name, value});
    at = value.data() + value.size();
  }
}

void Headers::append(std::string_view text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  const std::array<char, kLengthBytes> prefix{
      static_cast<char>(length >> 24), static_cast<char>(length >> 16),
      static_cast<char>(length >> 8), static_cast<char>(length)};
  bytes_.append(prefix.data(), prefix.size()).append(text);
}

std::optional<std::string_view> find_header(std::span<const Header> headers,
                                            std::string_view name) {
  for (const Header& header : headers)
    if (is_same(header.name, name)) return header.value;
  return std::nullopt;
}

}  // namespace signalbox
