// Exports: files that prove themselves, from anybody's hands.
#include <sstream>

#include "event-store/model/assert.hpp"
#include "replay/export_check.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  // That of tests/replay/golden, which is in the corpus.
  static const event_store::VerifierKey key =
      event_store::parse_verifier_key(
          "signalbox/a7d966eb-3165-4fc1-a2c1-347a546705f3+"
          "751adf2e+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs")
          .value();
  std::istringstream file{std::string(fuzz::text_of(data, size))};
  const auto verdict =
      replay::check_export(file, key, [](const replay::Progress&) { return true; }).value();
  SIGNALBOX_ASSERT(verdict.is_whole() == verdict.first_faults.empty());
  if (verdict.is_whole()) {
    SIGNALBOX_ASSERT(verdict.events == verdict.last - verdict.first + 1);
    fuzz::accept();
  }
  SIGNALBOX_ASSERT(!replay::to_text(verdict).empty());
  return 0;
}
