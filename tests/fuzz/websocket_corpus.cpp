#include "tests/fuzz/websocket_corpus.hpp"

#include <cstddef>
#include <string_view>

namespace signalbox::fuzz {
namespace {

using Corpus = std::vector<std::pair<std::string, std::string>>;

// First bytes of a frame: its opcode, with FIN.
enum First : unsigned char { text = 0x81, binary = 0x82, close = 0x88, ping = 0x89, pong = 0x8a };
constexpr unsigned char kText = 0x01;  // and the same without
constexpr unsigned char kMiddle = 0x00;
constexpr unsigned char kLast = 0x80;
constexpr std::string_view kMask = "\x11\x22\x33\x44";

std::string big_endian(std::size_t number, int bytes) {
  std::string made;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    made.push_back(static_cast<char>(number >> shift));
  return made;
}

// As a client has to send it. A length in more bytes than it needs where `length_bytes` says so.
std::string frame(unsigned char first, std::string_view payload, int length_bytes = 0) {
  std::string made(1, static_cast<char>(first));
  if (length_bytes == 0 && payload.size() > 125) length_bytes = 2;
  const std::size_t form = length_bytes == 0 ? payload.size() : length_bytes == 2 ? 126 : 127;
  made.push_back(static_cast<char>(0x80 | form));
  made += big_endian(payload.size(), length_bytes);
  made += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i)
    made.push_back(static_cast<char>(payload[i] ^ kMask[i % kMask.size()]));
  return made;
}

std::string close_frame(std::size_t code, std::string_view reason = {}) {
  return frame(close, big_endian(code, 2) + std::string(reason));
}

Corpus good_frames() {
  const std::string a_text = frame(text, "hello");
  return {
      {"text", a_text},
      {"binary", frame(binary, std::string("\0\xff", 2))},
      {"empty", frame(text, "")},
      {"longest_of_one_byte", frame(text, std::string(125, 'a'))},
      {"shortest_of_two_bytes", frame(text, std::string(126, 'a'))},
      {"longest_message", frame(binary, std::string(1000, 'a'))},
      {"ping", frame(ping, "p") + frame(ping, std::string(125, 'p'))},
      {"pong_nobody_asked_for", frame(pong, "") + a_text},
      {"fragments", frame(kText, "he") + frame(kMiddle, "") + frame(kLast, "llo")},
      {"fragments_around_a_ping", frame(kText, "he") + frame(ping, "p") + frame(kLast, "llo")},
      {"code_point_in_two_fragments", frame(kText, "\xc3") + frame(kLast, "\xa4")},
      {"many", a_text + a_text + frame(binary, "x") + frame(ping, "") + close_frame(1000)},
      {"close", close_frame(1000, "done")},
      {"close_without_code", frame(close, "")},
      {"close_of_the_application", close_frame(4999)},
      {"text_after_close", close_frame(1001) + a_text + frame(ping, "")},
      {"half_of_a_frame", a_text + a_text.substr(0, 4)},
  };
}

Corpus violations() {
  std::string unmasked = frame(text, "hi");
  unmasked[1] = static_cast<char>(unmasked[1] & 0x7f);
  std::string longer_than_63_bits = frame(text, "hi", 8);
  longer_than_63_bits[2] = '\x80';
  return {
      {"refused_unmasked", unmasked},
      {"refused_reserved_bit", frame(text | 0x40, "hi")},
      {"refused_data_opcode", frame(0x83, "hi")},
      {"refused_control_opcode", frame(0x8b, "hi")},
      {"refused_fragmented_ping", frame(ping & 0x7f, "p")},
      {"refused_long_ping", frame(ping, std::string(126, 'p'))},
      {"refused_continuation_of_nothing", frame(kLast, "hi")},
      {"refused_text_within_fragments", frame(kText, "he") + frame(text, "hi")},
      {"refused_length_in_two_bytes", frame(text, "hi", 2)},
      {"refused_length_in_eight_bytes", frame(text, std::string(126, 'a'), 8)},
      {"refused_length_of_64_bits", longer_than_63_bits},
      {"refused_not_utf8", frame(text, "a\xff")},
      {"refused_surrogate_in_fragments", frame(kText, "\xed") + frame(kLast, "\xa0\x80")},
      {"refused_half_a_code_point", frame(text, "\xc3")},
      {"refused_half_a_code_point_in_fragments", frame(kText, "a") + frame(kLast, "\xc3")},
      {"refused_too_long", frame(text, std::string(1001, 'a'))},
      {"refused_too_long_in_fragments",
       frame(kText, std::string(999, 'a')) + frame(kLast, std::string(2, 'a'))},
      {"refused_close_of_one_byte", frame(close, "\x03")},
      {"refused_close_code_below_1000", close_frame(999)},
      {"refused_close_code_never_sent", close_frame(1005)},
      {"refused_close_reason", close_frame(1000, "\xff")},
  };
}

std::string upgrade_with(std::string_view subprotocol, std::string_view more = {}) {
  return "GET /ws?from=start HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n"
         "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Protocol: " +
         std::string(subprotocol) + "\r\n" + std::string(more) + "\r\n";
}

Corpus requests() {
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  return {
      {"upgrade", upgrade_with("signalbox.v1", version)},
      {"upgrade_and_frames",
       upgrade_with("signalbox.v1, bearer.a.b.c", version) + frame(text, "hi") + close_frame(1000)},
      {"request", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"request_of_head", "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"request_with_body",
       "POST /dev/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n"
       R"({"user_id":"ann"})"},
      {"refused_no_subprotocol_of_ours", upgrade_with("chat", version)},
      {"refused_version_8", upgrade_with("signalbox.v1", "Sec-WebSocket-Version: 8\r\n")},
      {"refused_no_version", upgrade_with("signalbox.v1") + std::string(8, 'k')},
      {"refused_origin",
       upgrade_with("signalbox.v1", version + "Origin: https://elsewhere.example\r\n")},
      {"refused_body_too_long",
       "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n"},
      {"refused_head_too_long",
       "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(16'000, 'x') + "\r\n\r\n"},
      {"refused_folded_header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n"},
  };
}

}  // namespace

Corpus websocket_corpus() {
  Corpus corpus;
  // In pieces of one, three and 200 bytes.
  const auto add = [&](const Corpus& inputs, char how) {
    for (const auto& [name, bytes] : inputs)
      corpus.emplace_back(name, std::string{how, 3, 0, 2, '\xc7'} + bytes);
  };
  add(good_frames(), 0);
  add(violations(), 0);
  add(requests(), 1);
  return corpus;
}

}  // namespace signalbox::fuzz
