// Where a new owner of a partition begins, as a snapshot store or another router hands it out.
#include "event-store/model/assert.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const auto snapshot = router::decode_partition_snapshot(fuzz::text_of(data, size));
  if (!snapshot) return 0;
  const auto again =
      router::decode_partition_snapshot(router::encode_partition_snapshot(*snapshot));
  SIGNALBOX_ASSERT(again && again->at == snapshot->at && again->inbound == snapshot->inbound &&
                   again->open_users == snapshot->open_users);
  fuzz::accept();
  return 0;
}
