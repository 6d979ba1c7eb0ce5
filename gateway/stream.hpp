// What the feed tells a session about its stream of events. Every update carries the ticket's
// generation: a session that has asked anew drops what was on its way for the older question.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "event-store/contract/cursor.hpp"
#include "event-store/contract/frame_codec.hpp"
#include "event-store/model/ids.hpp"
#include "gateway/wire_frame.hpp"

namespace signalbox::gateway {

using SessionId = Tagged<std::uint64_t, struct SessionIdTag>;  // unique in the process
// All live sockets of one user that speak one dialect.
using ChannelId = Tagged<std::uint64_t, struct ChannelIdTag>;

struct StreamTicket {
  Partition partition;  // of the user
  std::size_t shard;
  SessionId session;
  std::uint32_t generation;
};

enum class StreamFrom { latest, start, cursor };
struct StreamRequest {
  UserId user;
  event_store::WireDialect dialect;
  StreamFrom from;
  std::string cursor{};  // with StreamFrom::cursor
};

// The stream starts after this cursor. The first update, unless it is StreamRefused.
struct StreamReady {
  std::string cursor;
  StreamPlace place;
};
struct StreamRefused {
  event_store::CursorFault reason;
  std::optional<std::string> oldest_cursor;
};
// Events in order. With `ask`, no more come until the session calls Feed::more.
struct StreamPage {
  std::vector<FramePtr> frames;
  bool ask;
};
// Everything up to the cursor was sent. Frames of the channel follow: the stream is live.
struct StreamCaughtUp {
  std::string cursor;
  ChannelId channel;
  std::vector<FramePtr> progress;  // pieces of runs that are still open
};
// The user's events do not follow each other (contract 8); the stream goes on.
struct StreamHistoryDamaged {
  std::string what;
};
// The partition cannot be read; the stream ends.
struct StreamUnavailable {
  std::string what;
};
// Too many streams wait for the log (log_scans_waiting_max); the stream ends.
struct StreamOverloaded {
  std::string what;
};
// Where the stream stands; the answer to Feed::tell_positions.
struct StreamPosition {
  std::string cursor;
};
using StreamUpdate =
    std::variant<StreamReady, StreamRefused, StreamPage, StreamCaughtUp, StreamHistoryDamaged,
                 StreamUnavailable, StreamPosition, StreamOverloaded>;

}  // namespace signalbox::gateway
