#include "ops/bench/swarm.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "ops/client/websocket_frames.hpp"

namespace signalbox::bench {

namespace {

constexpr std::size_t kInputBytes = 256 * 1024;
constexpr std::size_t kReadyMax = 512;
// `{"type":` and a name come before seq in every event.
constexpr std::size_t kSeqWithin = 80;

void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

// The text of one member of a frame, where it comes in the first bytes; else empty.
std::string_view text_of(std::string_view payload, std::string_view key) {
  const std::size_t found = payload.substr(0, 512).find(key);
  if (found == payload.npos) return {};
  const std::size_t begin = found + key.size();
  return payload.substr(begin, payload.find('"', begin) - begin);
}

std::int64_t seq_of(std::string_view payload) {
  constexpr std::string_view kKey = "\"seq\":";
  const std::size_t found = payload.substr(0, kSeqWithin).find(kKey);
  if (found == payload.npos) return 0;
  std::int64_t seq = 0;
  std::from_chars(payload.data() + found + kKey.size(), payload.data() + payload.size(), seq);
  return seq;
}

struct Frame {
  std::uint8_t opcode;
  std::string_view payload;
  std::size_t bytes;  // with its header; 0: has not come whole
};

// A server's frame, which is neither masked nor, from the services measured here, in fragments.
Frame first_frame(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 2) return {};
  std::size_t header = 2;
  std::size_t length = byte(1) & 0x7fU;
  if (length >= 126) {
    const std::size_t extra = length == 126 ? 2 : 8;
    if (bytes.size() < header + extra) return {};
    length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(header + i);
    header += extra;
  }
  if (bytes.size() - header < length) return {};
  return {static_cast<std::uint8_t>(byte(0) & 0x0fU), bytes.substr(header, length),
          header + length};
}

}  // namespace

Swarm::Swarm(const std::string& address)
    : address_(address), epoll_(epoll_create1(EPOLL_CLOEXEC)), input_(kInputBytes) {
  check(epoll_ >= 0, "epoll_create1");
  const std::size_t colon = address.rfind(':');
  peer_.sin_family = AF_INET;
  if (colon == address.npos ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer_.sin_addr) != 1)
    throw std::invalid_argument(address + " is not a numeric HOST:PORT");
  peer_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
}

Swarm::~Swarm() {
  for (const Member& member : members_)
    if (member.descriptor >= 0) ::close(member.descriptor);
  ::close(epoll_);
}

std::size_t Swarm::connect(const std::string& target, const std::string& token) {
  members_.emplace_back();
  begin(members_.back(), members_.size() - 1, target, token);
  return members_.size() - 1;
}

void Swarm::reconnect(std::size_t member, const std::string& target, const std::string& token) {
  drop(member);
  begin(members_[member], member, target, token);
}

void Swarm::drop(std::size_t member) {
  Member& dropped = members_[member];
  if (dropped.descriptor < 0) return;
  if (dropped.state == Member::State::open) --counts_.open;
  if (dropped.caught_up) --counts_.caught_up;
  ::close(dropped.descriptor);
  dropped.descriptor = -1;
  dropped.state = Member::State::idle;
  dropped.caught_up = false;
}

void Swarm::begin(Member& member, std::size_t index, const std::string& target,
                  const std::string& token) {
  member.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  check(member.descriptor >= 0, "socket");
  const int on = 1;
  ::setsockopt(member.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  member.request = "GET " + target + " HTTP/1.1\r\nHost: " + address_ +
                   "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Protocol: signalbox.v1\r\n" +
                   (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + "\r\n";
  member.state = Member::State::connecting;
  member.events = 0;
  member.close_code = 0;
  member.partial.clear();
  member.started = std::chrono::steady_clock::now();
  const int result =
      ::connect(member.descriptor, reinterpret_cast<const sockaddr*>(&peer_), sizeof peer_);
  check(result == 0 || errno == EINPROGRESS, "connect");
  epoll_event wanted{.events = EPOLLOUT, .data = {.u64 = index}};
  check(epoll_ctl(epoll_, EPOLL_CTL_ADD, member.descriptor, &wanted) == 0, "epoll_ctl");
}

bool Swarm::run_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + limit;
  std::array<epoll_event, kReadyMax> ready;
  while (!done()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    const int count = epoll_wait(epoll_, ready.data(), kReadyMax,
                                 static_cast<int>(std::min<std::int64_t>(left.count(), 100)));
    check(count >= 0 || errno == EINTR, "epoll_wait");
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = ready[static_cast<std::size_t>(i)];
      serve(event.data.u64, event.events);
    }
  }
  return true;
}

void Swarm::serve(std::size_t index, std::uint32_t ready) {
  Member& member = members_[index];
  if (member.descriptor < 0) return;
  if (member.state == Member::State::connecting && (ready & (EPOLLOUT | EPOLLERR)) != 0) {
    if ((ready & EPOLLERR) != 0) return end(member, 0);
    // A fresh socket takes a request as a whole.
    if (::send(member.descriptor, member.request.data(), member.request.size(), MSG_NOSIGNAL) < 0)
      return end(member, 0);
    member.request = std::string();
    member.state = Member::State::upgrading;
    epoll_event wanted{.events = EPOLLIN, .data = {.u64 = index}};
    check(epoll_ctl(epoll_, EPOLL_CTL_MOD, member.descriptor, &wanted) == 0, "epoll_ctl");
  }
  if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(member);
}

void Swarm::read(Member& member) {
  while (member.descriptor >= 0) {
    const ssize_t got = ::recv(member.descriptor, input_.data(), input_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) return end(member, member.close_code);
    std::string_view bytes(input_.data(), static_cast<std::size_t>(got));
    std::string whole;
    if (!member.partial.empty()) {
      whole = std::exchange(member.partial, {}) + std::string(bytes);
      bytes = whole;
    }
    if (member.state == Member::State::upgrading) bytes = take_handshake(member, bytes);
    take(member, bytes);
    // Less than there was room for: the next readiness tells of more.
    if (static_cast<std::size_t>(got) < input_.size()) return;
  }
}

std::string_view Swarm::take_handshake(Member& member, std::string_view bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return bytes;
  if (!bytes.starts_with("HTTP/1.1 101 ")) {
    int status = 0;
    if (bytes.size() > 12) std::from_chars(bytes.data() + 9, bytes.data() + 12, status);
    end(member, status);
    return {};
  }
  member.state = Member::State::open;
  ++counts_.open;
  return bytes.substr(head + 4);
}

void Swarm::take(Member& member, std::string_view bytes) {
  while (member.state == Member::State::open && !bytes.empty()) {
    const Frame frame = first_frame(bytes);
    if (frame.bytes == 0) break;
    bytes.remove_prefix(frame.bytes);
    switch (static_cast<client::Opcode>(frame.opcode)) {
      case client::Opcode::text: take_text(member, frame.payload); break;
      case client::Opcode::ping:
        send_frame(member, static_cast<std::uint8_t>(client::Opcode::pong), frame.payload);
        break;
      case client::Opcode::close:
        if (frame.payload.size() >= 2)
          member.close_code = static_cast<std::uint8_t>(frame.payload[0]) << 8 |
                              static_cast<std::uint8_t>(frame.payload[1]);
        return end(member, member.close_code);
      default: break;
    }
  }
  member.partial.assign(bytes);
}

void Swarm::take_text(Member& member, std::string_view payload) {
  if (const std::int64_t seq = seq_of(payload); seq > 0) return take_event(member, payload, seq);
  const std::string_view type = text_of(payload, "{\"type\":\"");
  if (type == "error") ++counts_.errors;
  if (type != "connection_ready" && type != "caught_up") return;
  if (const auto cursor = text_of(payload, "\"cursor\":\""); !cursor.empty())
    member.cursor.assign(cursor);
  if (type == "connection_ready" || member.caught_up) return;
  member.caught_up = true;
  member.caught_up_at = std::chrono::steady_clock::now();
  ++counts_.caught_up;
}

void Swarm::take_event(Member& member, std::string_view payload, std::int64_t seq) {
  if (member.seq != 0 && seq > member.seq + 1) ++counts_.gaps;
  if (member.seq != 0 && seq <= member.seq) ++counts_.repeats;
  member.seq = seq;
  ++member.events;
  ++counts_.events;
  counts_.frame_bytes += payload.size();
  if (const auto cursor = text_of(payload, "\"cursor\":\""); !cursor.empty())
    member.cursor.assign(cursor);
  if (noted_from_ != SteadyTime{})
    latencies_.push_back(std::chrono::duration<double, std::micro>(now_ - noted_from_).count());
}

void Swarm::send_text(std::size_t member, std::string_view text) {
  send_frame(members_[member], static_cast<std::uint8_t>(client::Opcode::text), text);
}

void Swarm::send_frame(Member& member, std::uint8_t opcode, std::string_view payload) {
  // All zeros is a masking key like any other.
  const std::string frame =
      client::encode_masked_frame(static_cast<client::Opcode>(opcode), payload, client::MaskKey{});
  if (::send(member.descriptor, frame.data(), frame.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size()))
    end(member, 0);
}

void Swarm::end(Member& member, int code) {
  if (member.descriptor < 0) return;
  if (member.state == Member::State::open) --counts_.open;
  if (member.caught_up) --counts_.caught_up;
  ++counts_.ended;
  ::close(member.descriptor);
  member.descriptor = -1;
  member.caught_up = false;
  member.state = Member::State::ended;
  member.close_code = code;
}

}  // namespace signalbox::bench
