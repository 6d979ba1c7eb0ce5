// What an event store answers a gateway.
#include "event-store/archive/history_page.hpp"

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::event_store {
namespace {

const PageOrigin kOrigin{LogId(Uuid{}), Partition(3)};
const NextLink kNext = [](Seq seq) { return "/next/" + std::to_string(seq.value()); };

void check_events(std::string_view text, const HistoryQuery& query) {
  const auto page = decode_history_page(text, kOrigin, query);
  if (!page) {
    SIGNALBOX_ASSERT(!page.error().message.empty());
    return;
  }
  SIGNALBOX_ASSERT(page->events.size() == page->seqs.size() &&
                   page->events.size() <= query.events_max);
  const auto again = decode_history_page(
      encode_history_page(kOrigin, *page, std::size_t{1} << 30, kNext), kOrigin, query);
  SIGNALBOX_ASSERT(again && again->seqs == page->seqs && again->more == page->more &&
                   again->complete_to == page->complete_to);
  fuzz::accept();
}

void check_threads(std::string_view text) {
  const ThreadQuery query{.user = UserId("anna"), .before = Seq(1000), .threads_max = 3};
  const auto page = decode_thread_page(text, kOrigin, query);
  if (!page) return;
  SIGNALBOX_ASSERT(page->threads.size() <= query.threads_max);
  const auto again = decode_thread_page(encode_thread_page(kOrigin, *page, kNext), kOrigin, query);
  SIGNALBOX_ASSERT(again && again->threads.size() == page->threads.size());
  fuzz::accept();
}

}  // namespace
}  // namespace signalbox::event_store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  event_store::HistoryQuery query{
      .user = UserId("anna"), .after = Seq(0), .before = std::nullopt, .events_max = 3};
  event_store::check_events(text, query);
  query.after.reset();
  query.before = Seq(1000);
  event_store::check_events(text, query);
  event_store::check_threads(text);
  return 0;
}
