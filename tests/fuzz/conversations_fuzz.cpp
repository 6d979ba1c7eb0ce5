// Files of recorded dialogues, plain and gzip.
#include "ops/bench/conversations.hpp"

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/scratch_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  static const fuzz::ScratchFile file("conversations.jsonl");
  file.put(fuzz::text_of(data, size));
  const auto read = bench::load_conversations(file.path());
  if (read) {
    SIGNALBOX_ASSERT(!read->empty());
    fuzz::accept();
  } else {
    SIGNALBOX_ASSERT(read.error().message.starts_with(file.path()));
  }
  return 0;
}
