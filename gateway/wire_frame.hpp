// WireFrame: one text frame as it goes to sockets: encoded once, shared by every socket that gets
// it, never changed. What is behind it belongs to the server that made it (websocket_server), so a
// frame goes only to links of the server whose factory made it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace signalbox::gateway {

class WireFrame {
 public:
  virtual ~WireFrame() = default;
  // The payload, UTF-8.
  [[nodiscard]] virtual std::string_view text() const noexcept = 0;
};
using FramePtr = std::shared_ptr<const WireFrame>;

// Any thread. The text must be valid UTF-8: nobody checks it again.
using FrameFactory = std::function<FramePtr(std::string text)>;

}  // namespace signalbox::gateway
