// What `[auth] jwks` names, and the private key that signs: texts from elsewhere.
#include "gateway/jwk_set.hpp"

#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto set = gateway::parse_jwk_set(text)) {
    SIGNALBOX_ASSERT(!set->keys.keys().empty());
    fuzz::accept();
  } else {
    SIGNALBOX_ASSERT(set.error().code == Errc::bad_config && !set.error().message.empty());
  }
  if (const auto key = gateway::parse_private_jwk(text)) {
    SIGNALBOX_ASSERT(key->verifies("a text", key->sign("a text")));
    fuzz::accept();
  }
  return 0;
}
