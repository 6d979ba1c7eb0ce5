#include "gateway/request_head.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>
#include <vector>

#include "gateway/header_text.hpp"

namespace signalbox::gateway {
namespace {

using Fault = std::optional<HeadFault>;

struct Header {
  std::string name;  // in lower case
  std::string_view value;
};

struct Head {
  std::string_view method;
  std::string_view version;
  std::vector<Header> headers;

  [[nodiscard]] std::ptrdiff_t count(std::string_view name) const {
    return std::count_if(headers.begin(), headers.end(),
                         [&](const Header& header) { return header.name == name; });
  }
  [[nodiscard]] std::string_view value(std::string_view name) const {
    for (const Header& header : headers)
      if (header.name == name) return header.value;
    return {};
  }
};

constexpr std::array<std::string_view, 8> kOnce = {
    "authorization", "content-type",      "host",    "origin",
    "expect",        "sec-websocket-key", "upgrade", "sec-websocket-version"};
// Longer numbers are no lengths of anything.
constexpr std::size_t kLengthDigitsMax = 15;

Fault bad_request(std::string message) { return HeadFault{400, std::move(message)}; }

// Letters and digits of ASCII, and these marks; at least one.
bool is_made_of(std::string_view text, std::string_view marks) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || marks.find(static_cast<char>(c)) != marks.npos;
  });
}

bool is_token(std::string_view text) { return is_made_of(text, "!#$%&'*+-.^_`|~"); }

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

bool is_host(std::string_view text) { return is_made_of(text, "-._~%:[]"); }

// Lines end in CR LF, and neither stands anywhere else.
Fault judge_bytes(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    const bool pair_follows = i + 1 == head.size() || head[i + 1] == '\n';
    if (c == '\r' && !pair_follows) return bad_request("a CR without LF");
    if (c == '\n' && (i == 0 || head[i - 1] != '\r')) return bad_request("a LF without CR");
    if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
      return bad_request("a control character");
  }
  return std::nullopt;
}

Fault read_request_line(std::string_view line, Head& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last)
    return bad_request("the first line must be METHOD TARGET HTTP/1.1");
  head.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  head.version = line.substr(last + 1);
  if (!is_token(head.method)) return bad_request("the method has a wrong form");
  if (!target.starts_with('/') || !is_visible(target))
    return bad_request("the target must be a path");
  if (head.version == "HTTP/1.1" || head.version == "HTTP/1.0") return std::nullopt;
  const bool is_version = head.version.size() == 8 && head.version.starts_with("HTTP/") &&
                          std::isdigit(static_cast<unsigned char>(head.version[5])) != 0 &&
                          head.version[6] == '.' &&
                          std::isdigit(static_cast<unsigned char>(head.version[7])) != 0;
  if (!is_version) return bad_request("the version has a wrong form");
  return HeadFault{505, "use HTTP/1.1"};
}

Fault read_header(std::string_view line, Head& head) {
  if (line.front() == ' ' || line.front() == '\t') return bad_request("a folded header line");
  const std::size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon)))
    return bad_request("a header must be NAME: VALUE");
  head.headers.push_back({lower(line.substr(0, colon)), trimmed(line.substr(colon + 1))});
  return std::nullopt;
}

Fault judge_body(const Head& head) {
  const std::ptrdiff_t lengths = head.count("content-length");
  const bool has_coding = head.count("transfer-encoding") > 0;
  if (lengths > 0 && has_coding)
    return bad_request("Content-Length must not stand beside Transfer-Encoding");
  if (has_coding) {
    if (head.version == "HTTP/1.0") return bad_request("HTTP/1.0 has no Transfer-Encoding");
    const bool is_chunked =
        head.count("transfer-encoding") == 1 && lower(head.value("transfer-encoding")) == "chunked";
    if (!is_chunked) return HeadFault{501, "this transfer coding is not known"};
    return HeadFault{411, "send the body with a Content-Length"};
  }
  if (lengths > 1) return bad_request("Content-Length is given twice");
  const std::string_view length = head.value("content-length");
  const bool is_number = !length.empty() && length.size() <= kLengthDigitsMax &&
                         length.find_first_not_of("0123456789") == length.npos;
  if (lengths == 1 && !is_number) return bad_request("Content-Length must be a number");
  const bool may_have_body =
      head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
  if (may_have_body && lengths == 0) return HeadFault{411, "send the body with a Content-Length"};
  if (!may_have_body && length.find_first_not_of('0') != length.npos)
    return bad_request("a body does not belong here");
  return std::nullopt;
}

Fault judge_headers(const Head& head) {
  for (const std::string_view name : kOnce)
    if (head.count(name) > 1) return bad_request(std::string(name) + " is given twice");
  if (!is_host(head.value("host"))) return bad_request("a Host is needed, with a host's name");
  if (auto fault = judge_body(head)) return fault;
  if (lower(head.value("upgrade")) == "websocket" && head.value("sec-websocket-version") != "13")
    return HeadFault{426, "WebSocket version 13 is needed"};
  return std::nullopt;
}

}  // namespace

Fault judge_head(std::string_view head) {
  if (auto fault = judge_bytes(head)) return fault;
  Head read;
  bool is_first = true;
  while (true) {
    const std::size_t end = head.find("\r\n");
    if (is_first && std::min(end, head.size()) > kRequestLineBytesMax)
      return HeadFault{414, "the request line is too long"};
    if (end == head.npos) return std::nullopt;  // there is more to come
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty())
      return is_first ? bad_request("the first line is empty") : judge_headers(read);
    if (auto fault = is_first ? read_request_line(line, read) : read_header(line, read))
      return fault;
    is_first = false;
  }
}

}  // namespace signalbox::gateway
