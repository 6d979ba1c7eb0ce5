// Anchors: signed notes, what they state, and the keys they are checked with.
#include "event-store/archive/checkpoint.hpp"

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::event_store {
namespace {

// As in the corpus.
const SigningKey& key() {
  static const SigningKey made = SigningKey::from_seed({7});
  return made;
}

void check_note(std::string_view note) {
  if (const auto checkpoint = open_checkpoint(note, key().public_key())) {
    const auto again = open_checkpoint(sign_checkpoint(*checkpoint, key()), key().public_key());
    SIGNALBOX_ASSERT(again == *checkpoint);
    fuzz::accept();
  }
  static_cast<void>(open_note(note, "anybody", key().public_key()));
}

// Signed by whoever has the key, and no checkpoint for that.
void check_text(std::string_view text) {
  std::string ended(text);
  if (!ended.ends_with('\n')) ended += '\n';
  const std::size_t line = ended.find('\n');
  if (line == 0) return;  // no key has an empty name
  static_cast<void>(open_checkpoint(key().sign(ended.substr(0, line), ended), key().public_key()));
}

void check_names(std::string_view text) {
  if (const auto parsed = parse_verifier_key(text)) {
    const auto again = parse_verifier_key(to_text(*parsed));
    SIGNALBOX_ASSERT(again && again->name == parsed->name && again->key == parsed->key);
    fuzz::accept();
  }
  if (const auto size = anchor_size(text)) {
    SIGNALBOX_ASSERT(anchor_name(*size) == text);
    fuzz::accept();
  }
}

}  // namespace
}  // namespace signalbox::event_store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  event_store::check_note(text);
  event_store::check_text(text);
  event_store::check_names(text);
  return 0;
}
