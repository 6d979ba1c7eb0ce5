// The newest state of a user, as a snapshot store or another router hands it out.
#include <limits>

#include "event-store/model/assert.hpp"
#include "router/snapshot_codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const auto snapshot = router::decode_user_snapshot(fuzz::text_of(data, size));
  if (!snapshot) return 0;
  const auto again = router::decode_user_snapshot(
      router::encode_user_snapshot(*snapshot, std::numeric_limits<std::size_t>::max()));
  SIGNALBOX_ASSERT(again && again->at == snapshot->at && again->state == snapshot->state);
  fuzz::accept();
  // What a router does with it first.
  for (const auto& [id, run] : snapshot->state.runs) {
    static_cast<void>(router::time_used(run));
    router::for_each_text(
        run, [](const router::StoredText& text) { SIGNALBOX_ASSERT(text.loaded || text.offset); });
  }
  static_cast<void>(router::decide_starts(
      snapshot->state, {}, [](const std::string&) { return "1"; }, 256));
  static_cast<void>(router::decide_resumption(snapshot->state, ResumeReason::owner_lost,
                                              router::RoutingLimits{}));
  return 0;
}
