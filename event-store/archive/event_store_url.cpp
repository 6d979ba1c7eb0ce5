#include "event-store/archive/event_store_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace signalbox::event_store {
namespace {

std::optional<std::int32_t> parse_number(std::string_view text) {
  std::int32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

std::optional<EventStoreUrl::Range> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return EventStoreUrl::Range{*first, *last};
}

// HOST or HOST:PORT, and nothing a request could be led astray by.
bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::string_view("-._~:[]").find(static_cast<char>(c)) != std::string_view::npos ||
           (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace

bool EventStoreUrl::serves(Partition partition) const {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
           return partition.value() >= range.first && partition.value() <= range.last;
         });
}

Result<EventStoreUrl> parse_event_store_url(std::string_view text) {
  const auto bad = [&](const std::string& what) {
    return failure(Errc::bad_config, "'" + std::string(text) + "' " + what, "event_store.urls");
  };
  std::string_view base = text.substr(0, text.find('#'));
  if (base.ends_with('/')) base.remove_suffix(1);
  const std::size_t scheme = base.find("://");
  const std::string_view name = base.substr(0, scheme);
  if (scheme == base.npos || (name != "http" && name != "https") ||
      !is_host(base.substr(scheme + 3)))
    return bad(
        "must be http://HOST:PORT or https://HOST:PORT, with #0-5,9 behind it for some "
        "partitions");
  EventStoreUrl url{std::string(base)};
  if (text.find('#') == text.npos) return url;
  std::string_view left = text.substr(text.find('#') + 1);
  while (true) {
    const std::string_view one = left.substr(0, left.find(','));
    const auto range = parse_range(one);
    if (!range) return bad("must name partitions behind # as in 0-5,9");
    url.ranges.push_back(*range);
    if (one.size() == left.size()) return url;
    left.remove_prefix(one.size() + 1);
  }
}

}  // namespace signalbox::event_store
