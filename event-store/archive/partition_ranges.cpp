#include "event-store/archive/partition_ranges.hpp"

#include "event-store/model/decimal.hpp"

namespace signalbox::event_store {
namespace {

std::optional<PartitionRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_decimal<std::int32_t>(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_decimal<std::int32_t>(text.substr(dash + 1));
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
