// The client's half of RFC 6455 framing: it shares no code with the gateway, so the two check each
// other. Pure; one thread per parser.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace signalbox::client {

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

using MaskKey = std::array<std::uint8_t, 4>;
// One complete, masked frame.
[[nodiscard]] std::string encode_masked_frame(Opcode opcode, std::string_view payload, MaskKey key);

// What a server sent, put together from its fragments.
struct Message {
  Opcode opcode;  // text, binary, close, ping or pong
  std::string payload;
};
// The server broke the protocol; the sentence says how.
struct ProtocolFault {
  std::string what;
};
struct NeedMore {};

class FrameParser {
 public:
  explicit FrameParser(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void feed(std::string_view bytes) { buffer_ += bytes; }
  // The next message. After a fault the parser is of no more use.
  [[nodiscard]] std::variant<NeedMore, Message, ProtocolFault> next();

 private:
  struct Head {
    bool final;
    Opcode opcode;
    std::size_t header_bytes;
    std::uint64_t payload_bytes;
  };
  [[nodiscard]] std::variant<NeedMore, Head, ProtocolFault> read_head() const;
  [[nodiscard]] std::variant<NeedMore, Message, ProtocolFault> take(const Head& head);

  std::size_t message_bytes_max_;
  std::string buffer_;
  std::size_t read_ = 0;  // of buffer_, bytes that are done with
  std::string fragments_;
  Opcode fragmented_ = Opcode::continuation;  // continuation: no message is open
};

}  // namespace signalbox::client
