#include "event-store/contract/known_headers.hpp"

namespace signalbox::event_store {
namespace {

// kKnownHeaders.size() where it is none of them. Looked for from the place behind that of the
// header before it on: mostly it is there, or next to it.
std::size_t place_of(std::string_view name, std::size_t expected) {
  for (std::size_t place = expected; place < kKnownHeaders.size(); ++place)
    if (kKnownHeaders[place] == name) return place;
  for (std::size_t place = 0; place < expected; ++place)
    if (kKnownHeaders[place] == name) return place;
  return kKnownHeaders.size();
}

}  // namespace

KnownHeaders::KnownHeaders(const Headers& headers) {
  std::size_t expected = 0;
  for (const Header header : headers) {
    const std::size_t place = place_of(header.name, expected);
    if (place == kKnownHeaders.size()) continue;
    if (values_[place].data() == nullptr) values_[place] = header.value;
    expected = place + 1;
  }
}

}  // namespace signalbox::event_store
