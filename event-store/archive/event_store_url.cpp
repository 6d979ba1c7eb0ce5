#include "event-store/archive/event_store_url.hpp"

#include <algorithm>
#include <utility>

namespace signalbox::event_store {
namespace {

// HOST or HOST:PORT, and nothing a request could be led astray by.
bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::string_view("-._~:[]").find(static_cast<char>(c)) != std::string_view::npos ||
           (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

}  // namespace

bool EventStoreUrl::serves(Partition partition) const {
  return ranges.empty() ||
         std::any_of(ranges.begin(), ranges.end(), [&](const PartitionRange& range) {
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
  auto ranges = parse_partition_ranges(text.substr(text.find('#') + 1));
  if (!ranges) return bad("must name partitions behind # as in 0-5,9");
  url.ranges = *std::move(ranges);
  return url;
}

}  // namespace signalbox::event_store
