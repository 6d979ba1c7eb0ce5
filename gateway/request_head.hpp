// The head of an HTTP request as it came, judged before anything reads it (RFC 9112): what two
// readers of one connection could understand differently is refused, so that a proxy in front of us
// and we never disagree about where a request ends. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::gateway {

struct HeadFault {
  int status;
  std::string message;
};

inline constexpr std::size_t kRequestLineBytesMax = 8192;

// `head`: from the first byte to the empty line, or as far as it has come. Of what is not all there
// only what cannot become right any more is a fault. The statuses:
//   400  a bare CR or LF, control characters, a folded line, blanks around a name, no or two Hosts,
//        a Host with characters no host has, Content-Length twice or no number, Content-Length
//        beside Transfer-Encoding, Transfer-Encoding in HTTP/1.0, a header we act on twice, a body
//        where the method has none, a target that is no path
//   411  a body without Content-Length (POST, PUT, PATCH, or chunked)
//   414  a request line of more than kRequestLineBytesMax
//   426  an upgrade to a WebSocket of another version than 13
//   501  a transfer coding other than chunked
//   505  a version other than HTTP/1.1 and HTTP/1.0
[[nodiscard]] std::optional<HeadFault> judge_head(std::string_view head);

}  // namespace signalbox::gateway
