// A partition of events as it may stand in a log anybody could have written to: each control record
// read, and all of it folded.
#include "event-store/contract/codec.hpp"
#include "event-store/log/validity_fold.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_round_trip.hpp"

namespace signalbox {
namespace {

using event_store::Verdict;

// What a reader that starts behind any record relies on: positions only grow, and a verdict that
// drops a record leaves all but the offset as it was.
void check_step(const event_store::Position& before, const event_store::Position& after,
                Verdict verdict) {
  SIGNALBOX_ASSERT(after.epoch >= before.epoch);
  if (verdict == Verdict::valid) {
    SIGNALBOX_ASSERT(after.epoch == before.epoch && after.owner_seq == before.owner_seq.next());
  } else if (verdict == Verdict::control) {
    SIGNALBOX_ASSERT(after.epoch > before.epoch && after.owner_seq == OwnerSeq(0));
  } else {
    SIGNALBOX_ASSERT(after.epoch == before.epoch && after.owner_seq == before.owner_seq &&
                     after.claim == before.claim);
  }
}

}  // namespace
}  // namespace signalbox

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  event_store::Position position;
  event_store::InboundResume resume;
  bool all_read = true;
  for (const Record& record : fuzz::records_of(fuzz::text_of(data, size), Topic::events)) {
    if (event_store::is_control(record))
      fuzz::check_round_trip(record, event_store::decode_control, event_store::encode_control);
    const auto before = position;
    const Offset next = resume.next;
    const auto judged = event_store::fold(position, record);
    check_step(before, position, judged.verdict);
    all_read = all_read && judged.verdict != Verdict::malformed;
    if (judged.verdict == Verdict::corrupt) break;
    event_store::fold_resume(resume, position, judged, record);
    SIGNALBOX_ASSERT(resume.next >= next);
    // The next owner counts on from all of these.
    SIGNALBOX_ASSERT(position.epoch.value() <= kCountMax<std::int64_t> &&
                     resume.next.value() <= kCountMax<std::int64_t> &&
                     (!resume.trying || resume.trying->count <= kCountMax<std::int32_t>));
  }
  fuzz::is_accepted = all_read && position.epoch > Epoch(0);
  return 0;
}
