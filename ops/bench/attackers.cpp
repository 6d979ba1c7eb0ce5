#include "ops/bench/attackers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <initializer_list>
#include <random>

#include "ops/client/websocket_frames.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::milliseconds kTick{20};
constexpr std::size_t kPings = 100;
constexpr std::size_t kGarbageBytes = 4096;
constexpr std::size_t kOversizeBytes = 1 << 20;
constexpr int kReceiveBytes = 4096;
constexpr std::size_t kReadBytes = 256 << 10;

std::string repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

struct Offer {
  std::string version = "13";
  std::string protocol = "signalbox.v1";
  std::string more{};  // header lines
};

std::string handshake(const std::string& address, const std::string& token,
                      const Offer& offer = {}) {
  return "GET /ws?from=start HTTP/1.1\r\nHost: " + address +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: " +
         offer.version +
         "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
         offer.protocol + "\r\n" + offer.more + "Authorization: Bearer " + token + "\r\n\r\n";
}

std::string request_of(Attack attack, const std::string& address, const std::string& token) {
  switch (attack) {
    case Attack::half_open: return handshake(address, token).substr(0, 100);
    case Attack::connect_storm: return handshake(address, token + "x");
    case Attack::smuggling:
      return handshake(address, token,
                       {.more = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"}) +
             "0\r\n\r\n" + handshake(address, token);
    case Attack::foreign_page:
      return handshake(address, token, {.more = "Origin: https://elsewhere.example\r\n"});
    case Attack::wrong_version:
      return handshake(address, token, {.version = "8", .protocol = "signalbox.v9"});
    default: return handshake(address, token);
  }
}

std::string text_frame(const std::string& text) {
  return client::encode_masked_frame(client::Opcode::text, text, {1, 2, 3, 4});
}

std::string frames_of(std::initializer_list<std::string> texts) {
  std::string frames;
  for (const std::string& text : texts) frames += text_frame(text);
  return frames;
}

std::string make_bad_frames() {
  return frames_of({"{", "[1, 2]", R"({"type":"no_such_thing"})", R"({"type":"user_message"})",
                    R"({"type":"user_message","message_id":7,"thread_id":"t","content":"c"})",
                    R"({"type":"ping","type":"ping","nonce":"n"})",
                    R"({"type":"ping","nonce":"\ud800"})",
                    R"({"type":"run_input","run_id":"x","request_id":"r","data":)" +
                        repeat("[", 80) + repeat("]", 80) + "}",
                    "\xc3("});
}

std::string make_bad_cursors() {
  const auto from = [](const std::string& cursor) {
    return R"({"type":"resume","cursor":")" + cursor + "\"}";
  };
  return frames_of({from("nonsense"), from(std::string(80, 'A')), from(""),
                    from("AQ" + std::string(88, '_')), from(std::string(4096, 'x'))});
}

}  // namespace

Attackers::Attackers(const std::string& address, std::size_t count,
                     const std::function<std::string(const std::string& user)>& token,
                     std::optional<Attack> only)
    : pings_(repeat(
          client::encode_masked_frame(client::Opcode::ping, std::string(125, 'p'), {1, 2, 3, 4}),
          kPings)),
      resume_(text_frame(R"({"type":"resume","from":"start"})")),
      questions_(repeat(text_frame(R"({"type":"ping","nonce":"n"})"), kPings)),
      bad_frames_(make_bad_frames()),
      bad_cursors_(make_bad_cursors()),
      garbage_(kGarbageBytes, '\0'),
      oversize_(text_frame(std::string(kOversizeBytes, 'o'))),
      received_(kReadBytes) {
  std::mt19937 random(4);
  std::generate(garbage_.begin(), garbage_.end(), [&] { return static_cast<char>(random()); });
  const std::size_t colon = address.rfind(':');
  peer_.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer_.sin_addr);
  peer_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  for (std::size_t i = 0; i < count; ++i) {
    const auto attack = only.value_or(static_cast<Attack>(i % kAttacks));
    attackers_.push_back(
        {attack, request_of(attack, address, token("hostile-" + std::to_string(i)))});
  }
  thread_ = std::thread([this] { run(); });
}

Attackers::~Attackers() {
  stopping_ = true;
  thread_.join();
  for (const Attacker& attacker : attackers_)
    if (attacker.descriptor >= 0) ::close(attacker.descriptor);
}

void Attackers::run() {
  while (!stopping_) {
    for (Attacker& attacker : attackers_) act(attacker);
    std::this_thread::sleep_for(kTick);
  }
}

void Attackers::act(Attacker& attacker) {
  if (attacker.descriptor < 0) return connect(attacker);
  switch (attacker.attack) {
    case Attack::ping_flood: return send(attacker, pings_);
    case Attack::stalled: return send(attacker, resume_);
    case Attack::garbage: return send(attacker, garbage_);
    case Attack::oversize: return send(attacker, oversize_);
    case Attack::half_open:
    case Attack::smuggling:
    case Attack::foreign_page:
    case Attack::wrong_version:
    case Attack::silent: static_cast<void>(read(attacker)); return;
    case Attack::slow_head:
      if (attacker.sent < attacker.request.size())
        send(attacker, std::string_view(attacker.request).substr(attacker.sent++, 1));
      static_cast<void>(attacker.descriptor < 0 || read(attacker));
      return;
    case Attack::bad_frames: return talk(attacker, bad_frames_);
    case Attack::bad_cursors: return talk(attacker, bad_cursors_);
    case Attack::connect_storm: close(attacker); return connect(attacker);
    case Attack::asking: return talk(attacker, questions_);
    case Attack::resuming: return talk(attacker, resume_);
  }
}

void Attackers::connect(Attacker& attacker) {
  attacker.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (attacker.descriptor < 0) return;
  if (attacker.attack == Attack::stalled || attacker.attack == Attack::ping_flood)
    ::setsockopt(attacker.descriptor, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
  ++connects_;
  // On one machine a connection is there at once, or the queue is full.
  ::connect(attacker.descriptor, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_);
  attacker.sent = 0;
  if (attacker.attack != Attack::slow_head) send(attacker, attacker.request);
}

void Attackers::send(Attacker& attacker, std::string_view bytes) {
  const ssize_t sent =
      ::send(attacker.descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    bytes_ += static_cast<std::uint64_t>(sent);
  } else if (errno != EAGAIN) {
    close(attacker);
  }
}

void Attackers::talk(Attacker& attacker, std::string_view frames) {
  if (read(attacker)) send(attacker, frames);
}

bool Attackers::read(Attacker& attacker) {
  const ssize_t got = ::recv(attacker.descriptor, received_.data(), received_.size(), MSG_DONTWAIT);
  if (got > 0 || (got < 0 && errno == EAGAIN)) return true;
  close(attacker);
  return false;
}

void Attackers::close(Attacker& attacker) {
  ::close(attacker.descriptor);
  attacker.descriptor = -1;
}

}  // namespace signalbox::bench
