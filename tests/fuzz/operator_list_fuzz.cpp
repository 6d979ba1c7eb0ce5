// Lists an operator writes: revoked tokens, ranges of addresses and of partitions.
#include "gateway/revocations.hpp"

#include "event-store/archive/partition_ranges.hpp"
#include "event-store/model/assert.hpp"
#include "gateway/address_range.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  const auto revoked = gateway::Revocations::parse(text);
  if (revoked)
    static_cast<void>(revoked->covers(UserId("anna"), "t-1", Timestamp{}));
  else
    SIGNALBOX_ASSERT(revoked.error().message.find("line") != std::string::npos);
  const auto range = gateway::AddressRange::parse(std::string(text));
  if (const auto address = gateway::parse_address(std::string(text))) {
    SIGNALBOX_ASSERT(text.find('\0') == text.npos);
    // A slash may be in the zone of an address, and is none of it in a range.
    if (text.find('/') == text.npos) SIGNALBOX_ASSERT(range && range->contains(*address));
  }
  const auto ranges = event_store::parse_partition_ranges(text);
  if (ranges)
    for (const event_store::PartitionRange& one : *ranges)
      SIGNALBOX_ASSERT(one.first >= 0 && one.first <= one.last);
  if (revoked || range || ranges) fuzz::accept();
  return 0;
}
