// Cursor: where a client's stream goes on (contract 10). Bytes, big-endian, base64url without
// padding:
//   u8 version=1 | 16 log_id | u16 partition | u64 next offset | u64 epoch | u64 ownerseq | u64
//   last seq | first 8 bytes of SHA-256(all bytes before || user_id)
// It is unsigned and grants nothing: events are always filtered by the token's user.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>
#include "event-store/model/ids.hpp"

namespace signalbox::event_store {

struct Cursor {
  LogId log_id;
  Partition partition;
  Offset next_offset;
  Epoch epoch;
  OwnerSeq owner_seq;
  Seq last_seq;  // 0 = none or not known: then the first event's seq is not checked
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// Reasons of the wire's cursor_invalid. The codec itself finds the first, second, third and the
// last.
enum class CursorFault { other_user, other_log, other_partition, beyond_end, expired, damaged };
[[nodiscard]] std::string_view to_text(CursorFault fault);

[[nodiscard]] std::string encode_cursor(const Cursor& cursor, const UserId& user);
// Undamaged for this user, this log and this partition, or why not. A cursor of another user
// differs only in its check bytes and is told apart from a damaged one where it can be: text that
// is a well-formed cursor of this log whose check fails is other_user.
[[nodiscard]] tl::expected<Cursor, CursorFault> decode_cursor(std::string_view text,
                                                              const UserId& user, const LogId& log,
                                                              Partition partition);

}  // namespace signalbox::event_store
