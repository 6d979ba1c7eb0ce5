// The events of one user, folded: as they stand, and as a faulty owner would state them, with a seq
// and a chain that follow whatever else they say.
#include "event-store/contract/codec.hpp"
#include "event-store/model/assert.hpp"
#include "router/snapshot_codec.hpp"
#include "router/user_fold.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/record_text.hpp"

namespace signalbox::router {
namespace {

const LogId kLog(Uuid{});

void restate(Record& event, const event_store::UserChain& chain) {
  event.headers.set("ce_userseq", std::to_string(chain.seq.next().value()));
  const auto content = event_store::content_hash(event.headers, event.value);
  event.headers.set("ce_chainhash",
                    event_store::to_hex(event_store::chain_next(chain.hash, content)));
}

// Whatever was folded, its snapshot is read back as the same state.
void check_snapshot(const RoutingState& state) {
  const std::string bytes = encode_user_snapshot(
      {.log_id = kLog, .partition = Partition(0), .at = {}, .state = state}, 1 << 20);
  const auto back = decode_user_snapshot(bytes);
  SIGNALBOX_ASSERT(back && back->state == state);
}

void fold(const std::vector<Record>& events, bool restated) {
  const UserId user("105945141827451681156");
  const RoutingLimits limits{.dedupe_window = 3, .threads_with_memory = 2};
  RoutingState state(user, event_store::start_of_chain(kLog, user));
  std::size_t read = 0;
  for (Record event : events) {
    if (restated) restate(event, state.chain);
    if (const auto folded = fold_event(state, event, limits); !folded) break;
    ++read;
    static_cast<void>(decide_starts(
        state, {}, [](const std::string&) { return "1"; }, 256));
    static_cast<void>(decide_resumption(state, ResumeReason::owner_lost, limits));
    for (const auto& [id, run] : state.runs) static_cast<void>(time_used(run));
  }
  check_snapshot(state);
  if (!events.empty() && read == events.size()) fuzz::accept();
}

}  // namespace
}  // namespace signalbox::router

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const auto events = fuzz::records_of(fuzz::text_of(data, size), Topic::events);
  router::fold(events, false);
  router::fold(events, true);
  return 0;
}
