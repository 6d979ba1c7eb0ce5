// The ids and counters of signalbox as types (contract 1, 6, 8). Texts that come from outside enter
// through parse_id, which is the only place that knows what an opaque id may look like.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"
#include "event-store/model/tagged.hpp"
#include "event-store/model/uuid.hpp"

namespace signalbox {

// Opaque strings of 1 to 128 bytes without control characters, compared byte by byte (contract 1).
using UserId = Tagged<std::string, struct UserIdTag>;
using ThreadId = Tagged<std::string, struct ThreadIdTag>;
using MessageId = Tagged<std::string, struct MessageIdTag>;
using RequestId = Tagged<std::string, struct RequestIdTag>;
// `ws_` and up to 60 of [A-Za-z0-9_], or `svc_<name>` for what a service writes (contract 3, 6).
using WebsocketClientId = Tagged<std::string, struct WebsocketClientIdTag>;

using LogId = Tagged<Uuid, struct LogIdTag>;
using RunId = Tagged<Uuid, struct RunIdTag>;    // uuid5("run", user_id, message_id)
using CallId = Tagged<Uuid, struct CallIdTag>;  // uuid5("call", run_id, step)
using ClaimId = Tagged<Uuid, struct ClaimIdTag>;
using EventId = Tagged<Uuid, struct EventIdTag>;

using Partition = Tagged<std::int32_t, struct PartitionTag>;
using Offset = Tagged<std::int64_t, struct OffsetTag>;  // place in one partition, from 0
using Seq = Tagged<std::int64_t, struct SeqTag>;      // of one user's events: 1, 2, 3 ...; 0 = none
using Epoch = Tagged<std::int64_t, struct EpochTag>;  // of an owner: 1, 2, 3 ...; 0 = none
using OwnerSeq =
    Tagged<std::int64_t, struct OwnerSeqTag>;             // within partition and epoch: 1, 2, 3 ...
using Attempt = Tagged<std::int32_t, struct AttemptTag>;  // of a run: 1, 2, 3 ...
using Step = Tagged<std::int32_t, struct StepTag>;        // of a run: 1, 2, 3 ...

// Counters that come from outside are refused beyond this, so that counting on cannot overflow.
template <std::signed_integral N>
inline constexpr N kCountMax = std::numeric_limits<N>::max() / 2;

inline constexpr std::size_t kOpaqueIdBytesMax = 128;

// True for 1 to 128 bytes of valid UTF-8 without control characters (C0, DEL, C1).
[[nodiscard]] bool is_opaque_id(std::string_view text);
// True for `ws_[A-Za-z0-9_]{1,60}`.
[[nodiscard]] bool is_websocket_client_id(std::string_view text);
// True for `svc_[A-Za-z0-9_]{1,60}`: the client id under which services write.
[[nodiscard]] bool is_service_client_id(std::string_view text);

// An opaque id from outside; `field` is the whole path named when it is refused (Errc::bad_field).
template <class Id>
[[nodiscard]] Result<Id> parse_id(std::string_view text, std::string_view field) {
  if (is_opaque_id(text)) return Id(std::string(text));
  return failure(Errc::bad_field, "must be 1 to 128 bytes of UTF-8 without control characters",
                 std::string(field));
}

}  // namespace signalbox
