// The head of an HTTP request, as it came and in pieces.
#include "gateway/request_head.hpp"

#include "event-store/model/assert.hpp"
#include "gateway/header_text.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::gateway {
namespace {

void check_texts(std::string_view text) {
  SIGNALBOX_ASSERT(equal_ignoring_case(lower(text), text));
  SIGNALBOX_ASSERT(lower(lower(text)) == lower(text));
  const std::string_view inner = trimmed(text);
  SIGNALBOX_ASSERT(inner.empty() || (inner.front() != ' ' && inner.back() != '\t'));
  SIGNALBOX_ASSERT(trimmed(inner) == inner);
}

void check_head(std::string_view head) {
  const auto whole = judge_head(head);
  if (whole)
    SIGNALBOX_ASSERT(whole->status >= 400 && whole->status < 600 && !whole->message.empty());
  else
    fuzz::accept();
  // What is wrong already is not made right by what comes.
  const std::size_t step = head.size() / 16 + 1;
  for (std::size_t cut = 0; cut < head.size(); cut += step)
    SIGNALBOX_ASSERT(!judge_head(head.substr(0, cut)) || whole);
}

}  // namespace
}  // namespace signalbox::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  const std::size_t end = text.find("\r\n\r\n");
  gateway::check_head(text.substr(0, end == text.npos ? end : end + 4));
  gateway::check_texts(text);
  return 0;
}
