#include "ops/client/websocket_frames.hpp"

#include "event-store/model/utf8.hpp"

namespace signalbox::client {

namespace {

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::size_t kControlBytesMax = 125;

void append_big_endian(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(number >> shift));
}

bool is_control(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 8; }

bool is_known(std::uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

std::string encode_masked_frame(Opcode opcode, std::string_view payload, MaskKey key) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  frame.push_back(static_cast<char>(kFinal | static_cast<std::uint8_t>(opcode)));
  if (payload.size() <= 125) {
    frame.push_back(static_cast<char>(kMasked | payload.size()));
  } else if (payload.size() <= 0xffff) {
    frame.push_back(static_cast<char>(kMasked | 126U));
    append_big_endian(frame, payload.size(), 2);
  } else {
    frame.push_back(static_cast<char>(kMasked | 127U));
    append_big_endian(frame, payload.size(), 8);
  }
  for (const std::uint8_t byte : key) frame.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < payload.size(); ++i)
    frame.push_back(static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ key[i % 4]));
  return frame;
}

std::variant<NeedMore, FrameParser::Head, ProtocolFault> FrameParser::read_head() const {
  const std::string_view bytes = std::string_view(buffer_).substr(read_);
  if (bytes.size() < 2) return NeedMore{};
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if ((byte(0) & kReserved) != 0) return ProtocolFault{"a reserved bit is set"};
  if (!is_known(byte(0) & 0x0f)) return ProtocolFault{"an opcode that RFC 6455 does not have"};
  if ((byte(1) & kMasked) != 0) return ProtocolFault{"a server's frame is masked"};
  Head head{(byte(0) & kFinal) != 0, static_cast<Opcode>(byte(0) & 0x0f), 2, byte(1)};
  if (head.payload_bytes >= 126) {
    const std::size_t extra = head.payload_bytes == 126 ? 2 : 8;
    if (bytes.size() < 2 + extra) return NeedMore{};
    head.payload_bytes = 0;
    for (std::size_t i = 0; i < extra; ++i)
      head.payload_bytes = head.payload_bytes << 8 | byte(2 + i);
    head.header_bytes += extra;
    if (head.payload_bytes <= (extra == 2 ? 125U : 0xffffU))
      return ProtocolFault{"a length is not in its shortest form"};
  }
  if (is_control(head.opcode) && (!head.final || head.payload_bytes > kControlBytesMax))
    return ProtocolFault{"a control frame is in fragments or longer than 125 bytes"};
  // A length of 64 bits may be anything: it is never added to.
  if (head.payload_bytes > message_bytes_max_ - fragments_.size())
    return ProtocolFault{"a message is longer than " + std::to_string(message_bytes_max_) +
                         " bytes"};
  return head;
}

std::variant<NeedMore, Message, ProtocolFault> FrameParser::next() {
  while (true) {
    const auto read = read_head();
    if (const auto* fault = std::get_if<ProtocolFault>(&read)) return *fault;
    const auto* head = std::get_if<Head>(&read);
    if (head == nullptr || buffer_.size() - read_ - head->header_bytes < head->payload_bytes) {
      buffer_.erase(0, read_);
      read_ = 0;
      return NeedMore{};
    }
    auto taken = take(*head);
    if (!std::holds_alternative<NeedMore>(taken)) return taken;
  }
}

// NeedMore: a fragment that does not end its message.
std::variant<NeedMore, Message, ProtocolFault> FrameParser::take(const Head& head) {
  std::string payload =
      buffer_.substr(read_ + head.header_bytes, static_cast<std::size_t>(head.payload_bytes));
  read_ += head.header_bytes + payload.size();
  if (is_control(head.opcode)) return Message{head.opcode, std::move(payload)};
  const bool continues = head.opcode == Opcode::continuation;
  if (continues == (fragmented_ == Opcode::continuation))
    return ProtocolFault{continues ? "a continuation of nothing"
                                   : "a new message before the last one ended"};
  if (!continues) fragmented_ = head.opcode;
  fragments_ += payload;
  if (!head.final) return NeedMore{};
  Message message{fragmented_, std::move(fragments_)};
  fragments_.clear();
  fragmented_ = Opcode::continuation;
  if (message.opcode == Opcode::text && !is_utf8(message.payload))
    return ProtocolFault{"a text message is not UTF-8"};
  return message;
}

}  // namespace signalbox::client
