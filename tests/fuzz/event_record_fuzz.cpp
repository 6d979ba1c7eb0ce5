// Events: read by router, archive and replay, and shown on the wire whatever they hold.
#include "event-store/contract/codec.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/contract/json_reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_round_trip.hpp"

namespace signalbox {
namespace {

// The codec writes what an owner states; ce_chainhash comes after.
NewRecord encode(const Event& event) { return event_store::encode_event(event); }

// Whoever reads the frame of an event that can be read reads JSON.
void check_frame(const Record& record, event_store::WireDialect dialect) {
  const std::string frame = event_store::encode_event_frame(record, "cursor", dialect);
  if (event_store::decode_event(record))
    SIGNALBOX_ASSERT(event_store::read_json_object(frame).has_value());
}

}  // namespace
}  // namespace signalbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const Record record = fuzz::record_of(fuzz::text_of(data, size), Topic::events);
  fuzz::check_round_trip(record, event_store::decode_event, encode);
  check_frame(record, event_store::WireDialect::v1);
  check_frame(record, event_store::WireDialect::v1_legacy);
  return 0;
}
