// What is in quarantine, and what was made of it.
#include "event-store/contract/codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_round_trip.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const Record record = fuzz::record_of(fuzz::text_of(data, size), Topic::quarantine);
  fuzz::check_round_trip(record, event_store::decode_quarantined, event_store::encode_quarantined);
  fuzz::check_round_trip(record, event_store::decode_quarantine_resolved,
                         event_store::encode_quarantine_resolved);
  return 0;
}
