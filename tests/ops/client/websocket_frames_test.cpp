#include "ops/client/websocket_frames.hpp"

#include <gtest/gtest.h>

namespace signalbox::client {
namespace {

std::string fault_of(std::string_view bytes, std::size_t message_bytes_max = 1000) {
  FrameParser parser(message_bytes_max);
  parser.feed(bytes);
  while (true) {
    const auto next = parser.next();
    if (const auto* fault = std::get_if<ProtocolFault>(&next)) return fault->what;
    if (std::holds_alternative<NeedMore>(next)) return "none";
  }
}

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

TEST(WebSocketFrames, MaskAsRfc6455ShowsIt) {
  // RFC 6455, 5.7: a single-frame masked text message "Hello".
  EXPECT_EQ(encode_masked_frame(Opcode::text, "Hello", {0x37, 0xfa, 0x21, 0x3d}),
            bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST(WebSocketFrames, AreFoundHoweverTheBytesArrive) {
  const std::string stream =
      bytes({0x01, 3, 'H', 'e', 'l', 0x89, 1, '!', 0x80, 2, 'l', 'o', 0x81, 1, 'x'});
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameParser parser(100);
    std::string seen;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      parser.feed(std::string_view(stream).substr(at, step));
      for (auto next = parser.next(); !std::holds_alternative<NeedMore>(next); next = parser.next())
        seen += std::get<Message>(next).payload + "|";
    }
    EXPECT_EQ(seen, "!|Hello|x|") << "in steps of " << step;
  }
}

TEST(WebSocketFrames, OfAServerThatBreaksTheProtocolAreRefused) {
  EXPECT_EQ(fault_of(bytes({0x81, 0x81, 1, 2, 3, 4, 5})), "a server's frame is masked");
  EXPECT_EQ(fault_of(bytes({0xc1, 0})), "a reserved bit is set");
  EXPECT_EQ(fault_of(bytes({0x83, 0})), "an opcode that RFC 6455 does not have");
  EXPECT_EQ(fault_of(bytes({0x09, 0})), "a control frame is in fragments or longer than 125 bytes");
  EXPECT_EQ(fault_of(bytes({0x88, 126, 0, 126})),
            "a control frame is in fragments or longer than 125 bytes");
  EXPECT_EQ(fault_of(bytes({0x81, 126, 0, 5})), "a length is not in its shortest form");
  EXPECT_EQ(fault_of(bytes({0x80, 0})), "a continuation of nothing");
  EXPECT_EQ(fault_of(bytes({0x01, 1, 'a', 0x81, 1, 'b'})),
            "a new message before the last one ended");
  EXPECT_EQ(fault_of(bytes({0x81, 2, 0xc3, 0x28})), "a text message is not UTF-8");
  EXPECT_EQ(fault_of(bytes({0x81, 126, 0x03, 0xe9})), "a message is longer than 1000 bytes");
  EXPECT_EQ(fault_of(bytes({0x01, 1, 'a', 0x80, 127, 255, 255, 255, 255, 255, 255, 255, 255})),
            "a message is longer than 1000 bytes");
  EXPECT_EQ(fault_of(bytes({0x81, 2, 'o', 'k'})), "none");
}

}  // namespace
}  // namespace signalbox::client
