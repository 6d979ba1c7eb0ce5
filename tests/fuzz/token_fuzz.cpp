// Tokens of clients, and claims that somebody with a key has signed.
#include "event-store/contract/base64.hpp"
#include "event-store/model/assert.hpp"
#include "gateway/auth.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::gateway {
namespace {

constexpr Timestamp kNow{std::chrono::seconds(1'800'000'000)};

// As in the corpus.
const TokenKey& key() {
  static const TokenKey made = TokenKey::from_secret("h", std::string(32, 's')).value();
  return made;
}

const KeySet& keys() {
  static const KeySet made = KeySet::make({key()}).value();
  return made;
}

// Only what was signed is accepted, and that names ann.
void check_token(std::string_view token) {
  const auto identity = verify_token(keys(), {}, token, kNow);
  if (identity) {
    SIGNALBOX_ASSERT(identity->user_id == UserId("ann"));
    fuzz::accept();
  } else {
    SIGNALBOX_ASSERT(identity.error().code == Errc::token_invalid);
  }
}

void check_claims(std::string_view claims) {
  const std::string text = event_store::to_base64url(R"({"alg":"HS256","kid":"h"})") + "." +
                           event_store::to_base64url(claims);
  const auto identity =
      verify_token(keys(), {}, text + "." + event_store::to_base64url(key().sign(text)), kNow);
  if (!identity) return;
  SIGNALBOX_ASSERT(is_opaque_id(identity->user_id.value()));
  SIGNALBOX_ASSERT(identity->expires + TokenRules{}.leeway > kNow);
  fuzz::accept();
}

}  // namespace
}  // namespace signalbox::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  gateway::check_token(text);
  gateway::check_claims(text);
  return 0;
}
