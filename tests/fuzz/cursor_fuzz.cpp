// Resume tokens. The input is a token, or 52 bytes or more that one is made of.
#include "event-store/contract/cursor.hpp"

#include "event-store/contract/base64.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/assert.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::event_store {
namespace {

const UserId kUser("anna");
constexpr std::size_t kBodyBytes = 51;

Result<LogId> log_in(std::string_view token) {
  const auto bytes = parse_base64url(token);
  if (!bytes || bytes->size() < kBodyBytes) return failure(Errc::malformed, "too short");
  Uuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i)
    uuid.bytes[i] = static_cast<std::uint8_t>((*bytes)[1 + i]);
  return LogId(uuid);
}

Partition partition_in(std::string_view token) {
  const std::string bytes = parse_base64url(token).value();
  return Partition(static_cast<unsigned char>(bytes[17]) << 8 |
                   static_cast<unsigned char>(bytes[18]));
}

// One that checks, whatever it says: its check is no secret.
std::string made_of(std::string_view body) {
  std::string bytes(body.substr(0, kBodyBytes));
  Sha256 hash;
  hash.update(bytes);
  hash.update(kUser.value());
  const Hash check = hash.finish();
  bytes.append(reinterpret_cast<const char*>(check.data()), 8);
  return to_base64url(bytes);
}

void check(std::string_view token) {
  const auto log = log_in(token);
  if (!log) {
    SIGNALBOX_ASSERT(!decode_cursor(token, kUser, LogId(Uuid{}), Partition(0)));
    return;
  }
  const Partition partition = partition_in(token);
  const auto cursor = decode_cursor(token, kUser, *log, partition);
  if (!cursor) return;
  SIGNALBOX_ASSERT(encode_cursor(*cursor, kUser) == token);
  SIGNALBOX_ASSERT(cursor->last_seq.next() > cursor->last_seq);
  SIGNALBOX_ASSERT(decode_cursor(token, UserId("ann"), *log, partition).error() ==
                   CursorFault::other_user);
  const std::string bytes = parse_base64url(token).value();
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 5) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    SIGNALBOX_ASSERT(!decode_cursor(to_base64url(changed), kUser, *log, partition));
  }
  fuzz::accept();
}

}  // namespace
}  // namespace signalbox::event_store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const std::string_view text = fuzz::text_of(data, size);
  event_store::check(text);
  if (text.size() >= event_store::kBodyBytes) event_store::check(event_store::made_of(text));
  return 0;
}
