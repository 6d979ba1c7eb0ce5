// Pieces of answers.
#include "event-store/contract/codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_round_trip.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const Record record = fuzz::record_of(fuzz::text_of(data, size), Topic::progress);
  fuzz::check_round_trip(record, event_store::decode_progress, event_store::encode_progress);
  return 0;
}
