// Snapshots as they travel between routers.
#include "event-store/contract/codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_round_trip.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const Record record = fuzz::record_of(fuzz::text_of(data, size), Topic::snapshots);
  fuzz::check_round_trip(record, event_store::decode_snapshot_record,
                         event_store::encode_snapshot_record);
  return 0;
}
