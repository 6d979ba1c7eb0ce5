#include "event-store/contract/cursor.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "event-store/contract/base64.hpp"
#include "event-store/contract/sha256.hpp"
#include "event-store/model/assert.hpp"

namespace signalbox::event_store {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kCheckBytes = 8;
constexpr std::size_t kBodyBytes = 1 + 16 + 2 + 4 * 8;

// Writes the lower `width` bytes; what is behind them.
char* write_big_endian(char* to, std::int64_t value, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8)
    *to++ = static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xffu);
  return to;
}

// Takes `width` bytes off the front.
std::uint64_t take_big_endian(std::string_view& bytes, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(width);
  return value;
}

std::int64_t take_count(std::string_view& bytes) {
  return static_cast<std::int64_t>(take_big_endian(bytes, 8));
}

std::array<char, kCheckBytes> check_of(std::string_view body, const UserId& user) {
  thread_local Sha256 hasher;
  hasher.update(body);
  hasher.update(user.value());
  const Hash hash = hasher.finish();
  std::array<char, kCheckBytes> check;
  std::copy_n(hash.begin(), check.size(), check.begin());
  return check;
}

std::string_view as_text(const std::array<char, kCheckBytes>& check) {
  return {check.data(), check.size()};
}

LogId take_log_id(std::string_view& bytes) {
  Uuid uuid;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i)
    uuid.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
  bytes.remove_prefix(uuid.bytes.size());
  return LogId(uuid);
}

// The fields of a body of the right length and version.
Cursor read_body(std::string_view body) {
  body.remove_prefix(1);
  const LogId log = take_log_id(body);
  const Partition partition(static_cast<std::int32_t>(take_big_endian(body, 2)));
  const Offset next_offset(take_count(body));
  const Epoch epoch(take_count(body));
  const OwnerSeq owner_seq(take_count(body));
  const Seq last_seq(take_count(body));
  return Cursor{log, partition, next_offset, epoch, owner_seq, last_seq};
}

// Anybody can make a cursor that checks: what is counted on from it must not overflow. From an
// offset beyond the end nothing is.
bool are_counts(const Cursor& cursor) {
  return cursor.next_offset.value() >= 0 &&
         std::ranges::all_of(
             std::array{cursor.epoch.value(), cursor.owner_seq.value(), cursor.last_seq.value()},
             [](std::int64_t count) { return count >= 0 && count <= kCountMax<std::int64_t>; });
}

}  // namespace

std::string_view to_text(CursorFault fault) {
  switch (fault) {
    case CursorFault::other_user: return "other_user";
    case CursorFault::other_log: return "other_log";
    case CursorFault::other_partition: return "other_partition";
    case CursorFault::beyond_end: return "beyond_end";
    case CursorFault::expired: return "expired";
    case CursorFault::damaged: return "damaged";
  }
  SIGNALBOX_ASSERT(false && "a CursorFault outside its enum");
  return "";
}

std::string encode_cursor(const Cursor& cursor, const UserId& user) {
  SIGNALBOX_ASSERT(cursor.partition.value() >= 0 && cursor.partition.value() <= 0xffff);
  std::array<char, kBodyBytes + kCheckBytes> bytes;
  char* to = bytes.data();
  *to++ = kVersion;
  to = std::ranges::copy(cursor.log_id.value().bytes, to).out;
  to = write_big_endian(to, cursor.partition.value(), 2);
  to = write_big_endian(to, cursor.next_offset.value(), 8);
  to = write_big_endian(to, cursor.epoch.value(), 8);
  to = write_big_endian(to, cursor.owner_seq.value(), 8);
  to = write_big_endian(to, cursor.last_seq.value(), 8);
  std::ranges::copy(check_of({bytes.data(), kBodyBytes}, user), to);
  return to_base64url({bytes.data(), bytes.size()});
}

tl::expected<Cursor, CursorFault> decode_cursor(std::string_view text, const UserId& user,
                                                const LogId& log, Partition partition) {
  const std::optional<std::string> bytes = parse_base64url(text);
  if (!bytes || bytes->size() != kBodyBytes + kCheckBytes || (*bytes)[0] != kVersion)
    return tl::unexpected(CursorFault::damaged);
  const std::string_view body = std::string_view(*bytes).substr(0, kBodyBytes);
  const Cursor cursor = read_body(body);
  if (as_text(check_of(body, user)) != std::string_view(*bytes).substr(kBodyBytes))
    return tl::unexpected(cursor.log_id == log ? CursorFault::other_user : CursorFault::damaged);
  if (!are_counts(cursor)) return tl::unexpected(CursorFault::damaged);
  if (cursor.log_id != log) return tl::unexpected(CursorFault::other_log);
  if (cursor.partition != partition) return tl::unexpected(CursorFault::other_partition);
  return cursor;
}

}  // namespace signalbox::event_store
