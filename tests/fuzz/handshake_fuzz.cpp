// The request that asks for a WebSocket, once it was taken apart: `TARGET`, then a header a line.
#include "gateway/handshake.hpp"

#include <algorithm>
#include <array>

#include "event-store/model/assert.hpp"
#include "gateway/client_address.hpp"
#include "gateway/header_text.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace signalbox::gateway {
namespace {

std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return taken;
}

UpgradeRequest request_of(std::string_view text) {
  UpgradeRequest request{};
  request.http.method = "GET";
  std::string_view target = take_until(text, '\n');
  request.http.path = take_until(target, '?');
  request.http.query = target;
  while (!text.empty()) {
    std::string_view value = take_until(text, '\n');
    const std::string name = lower(take_until(value, ':'));
    request.http.headers.emplace_back(name, trimmed(value));
    if (name != "sec-websocket-protocol") continue;
    while (!value.empty()) request.subprotocols.emplace_back(trimmed(take_until(value, ',')));
  }
  return request;
}

void check(const UpgradeRequest& request) {
  const std::array<std::string, 1> origins{"https://chat.example"};
  for (const HostRule hosts : {HostRule::any, HostRule::loopback}) {
    const auto handshake = judge_handshake(request, origins, hosts);
    if (!handshake) {
      SIGNALBOX_ASSERT(handshake.error().status >= 400 && handshake.error().status < 500);
      continue;
    }
    // Nothing but what we have a name for is answered, and it was offered.
    SIGNALBOX_ASSERT(handshake->subprotocol.starts_with("signalbox.v1"));
    SIGNALBOX_ASSERT(std::ranges::count(request.subprotocols, handshake->subprotocol) > 0);
    fuzz::accept();
  }
}

void check_address(const HttpRequest& http) {
  static const auto trusted = parse_ranges({"10.0.0.0/8", "::1"}).value();
  const auto peer = http.header("x-peer").value_or("10.0.0.1");
  const std::string address =
      client_address(std::string(peer), http.header("x-forwarded-for"), trusted);
  SIGNALBOX_ASSERT(address == peer || parse_address(address));
}

}  // namespace
}  // namespace signalbox::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signalbox;
  const auto request = gateway::request_of(fuzz::text_of(data, size));
  gateway::check(request);
  gateway::check_address(request.http);
  return 0;
}
