#include "event-store/archive/partition_ranges.hpp"

#include <charconv>

namespace signalbox::event_store {
namespace {

std::optional<std::int32_t> parse_number(std::string_view text) {
  std::int32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

std::optional<PartitionRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return PartitionRange{*first, *last};
}

}  // namespace

std::optional<std::vector<PartitionRange>> parse_partition_ranges(std::string_view text) {
  std::vector<PartitionRange> ranges;
  while (true) {
    const std::string_view one = text.substr(0, text.find(','));
    const auto range = parse_range(one);
    if (!range) return std::nullopt;
    ranges.push_back(*range);
    if (one.size() == text.size()) return ranges;
    text.remove_prefix(one.size() + 1);
  }
}

}  // namespace signalbox::event_store
