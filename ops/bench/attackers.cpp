#include "ops/bench/attackers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
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

std::string handshake(const std::string& address, const std::string& token) {
  return "GET /ws?from=start HTTP/1.1\r\nHost: " + address +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: signalbox.v1\r\n"
         "Authorization: Bearer " +
         token + "\r\n\r\n";
}

std::string request_of(Attack attack, const std::string& address, const std::string& token) {
  if (attack == Attack::half_open) return handshake(address, token).substr(0, 100);
  if (attack == Attack::connect_storm) return handshake(address, token + "x");
  return handshake(address, token);
}

}  // namespace

Attackers::Attackers(const std::string& address, std::size_t count,
                     const std::function<std::string(const std::string& user)>& token)
    : pings_(repeat(
          client::encode_masked_frame(client::Opcode::ping, std::string(125, 'p'), {1, 2, 3, 4}),
          kPings)),
      resume_(client::encode_masked_frame(client::Opcode::text,
                                          R"({"type":"resume","from":"start"})", {1, 2, 3, 4})),
      questions_(repeat(client::encode_masked_frame(client::Opcode::text,
                                                    R"({"type":"ping","nonce":"n"})", {1, 2, 3, 4}),
                        kPings)),
      garbage_(kGarbageBytes, '\0'),
      oversize_(client::encode_masked_frame(client::Opcode::text, std::string(kOversizeBytes, 'o'),
                                            {1, 2, 3, 4})),
      received_(kReadBytes) {
  std::mt19937 random(4);
  std::generate(garbage_.begin(), garbage_.end(), [&] { return static_cast<char>(random()); });
  const std::size_t colon = address.rfind(':');
  peer_.sin_family = AF_INET;
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer_.sin_addr);
  peer_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  for (std::size_t i = 0; i < count; ++i) {
    const auto attack = static_cast<Attack>(i % kAttacks);
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
    case Attack::half_open: static_cast<void>(read(attacker)); return;
    case Attack::connect_storm: close(attacker); return connect(attacker);
    case Attack::asking:
      if (read(attacker)) send(attacker, questions_);
      return;
    case Attack::resuming:
      if (read(attacker)) send(attacker, resume_);
      return;
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
  send(attacker, attacker.request);
}

void Attackers::send(Attacker& attacker, const std::string& bytes) {
  const ssize_t sent =
      ::send(attacker.descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    bytes_ += static_cast<std::uint64_t>(sent);
  } else if (errno != EAGAIN) {
    close(attacker);
  }
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
