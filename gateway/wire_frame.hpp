// WireFrame: one data frame as it goes to sockets: encoded once, shared by every socket that gets
// it, never changed. What is behind it belongs to the server that made it (websocket_server), so a
// frame goes only to links of the server whose factory made it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "event-store/model/ids.hpp"

namespace signalbox::gateway {

// Where a user's stream stands after one of its events: what a cursor says of it (contract 10).
struct StreamPlace {
  Offset next_offset{0};
  Epoch epoch{0};
  OwnerSeq owner_seq{0};
  Seq seq{0};
};

// What the queue of a slow socket may do without: an event can be read again from the place before
// it, a piece of progress may be lost; answers must arrive. A frame that states a cursor says that
// all before it was sent: with it, what is queued before it must arrive too.
enum class FrameKind { answer, event, progress, cursor };
struct FramePart {
  FrameKind kind = FrameKind::answer;
  StreamPlace place{};  // after an event
};

class WireFrame {
 public:
  explicit WireFrame(const FramePart& part) : part_(part) {}
  virtual ~WireFrame() = default;
  [[nodiscard]] FrameKind kind() const noexcept { return part_.kind; }
  [[nodiscard]] const StreamPlace& place() const noexcept { return part_.place; }
  // The payload: UTF-8, unless it is a binary frame.
  [[nodiscard]] virtual std::string_view text() const noexcept = 0;

 private:
  const FramePart part_;
};
using FramePtr = std::shared_ptr<const WireFrame>;

// Any thread. The text must be valid UTF-8: nobody checks it again.
using FrameFactory = std::function<FramePtr(std::string text, const FramePart& part)>;

}  // namespace signalbox::gateway
