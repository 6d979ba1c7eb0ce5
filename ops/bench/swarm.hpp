// Swarm: thousands of WebSockets of the bench on one thread and one epoll. It shares its cores with
// the service it measures, so it does as little as it can: no JSON is parsed, a frame's kind is
// read from its first bytes and its seq by a scan. Every event is still checked: a seq that does
// not follow the one before on that socket is a gap or a repeat. Only for IPv4 on one machine.
// Thread: the caller's; nothing happens but in the functions below. Errors: a socket that ends says
// so in its Member; a failing system call of the swarm itself throws std::system_error.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Member {
  enum class State { idle, connecting, upgrading, open, ended };
  State state = State::idle;
  int descriptor = -1;
  bool caught_up = false;
  std::int64_t seq = 0;      // of the newest event; 0: none, the next one is not checked
  std::uint64_t events = 0;  // of this connection
  std::string cursor;        // of connection_ready, caught_up or the newest event
  std::string request;       // until it is sent
  std::string partial;       // of a frame that has not come whole
  int close_code = 0;        // or the HTTP status that refused it
  SteadyTime started{};
  SteadyTime caught_up_at{};
};

struct SwarmCounts {
  std::uint64_t events = 0;
  std::uint64_t frame_bytes = 0;  // of those events
  std::uint64_t gaps = 0;
  std::uint64_t repeats = 0;
  std::uint64_t errors = 0;  // frames of type error
  std::size_t open = 0;      // connections that are open now
  std::size_t caught_up = 0;
  std::size_t ended = 0;  // by the service, or refused
};

class Swarm {
 public:
  // `address` is HOST:PORT with a numeric host.
  explicit Swarm(const std::string& address);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // Begins to connect. `target` is the path with its query; an empty token sends none.
  std::size_t connect(const std::string& target, const std::string& token);
  // The same member anew; its seq stays, so that what it missed is checked too.
  void reconnect(std::size_t member, const std::string& target, const std::string& token);
  // Lets go of the socket without a word.
  void drop(std::size_t member);
  void send_text(std::size_t member, std::string_view text);

  // Serves the sockets until `done` says so, asked after each round of the epoll; false when that
  // has not come true within `limit`.
  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit);

  // From now on every event's time since `start` is noted, in microseconds.
  void note_latencies(SteadyTime start) { noted_from_ = start; }
  [[nodiscard]] std::vector<double>& latencies() { return latencies_; }
  [[nodiscard]] const SwarmCounts& counts() const { return counts_; }
  [[nodiscard]] const Member& member(std::size_t index) const { return members_[index]; }
  [[nodiscard]] std::size_t size() const { return members_.size(); }

 private:
  void begin(Member& member, std::size_t index, const std::string& target,
             const std::string& token);
  void serve(std::size_t index, std::uint32_t ready);
  void read(Member& member);
  [[nodiscard]] std::string_view take_handshake(Member& member, std::string_view bytes);
  void take(Member& member, std::string_view bytes);
  void take_text(Member& member, std::string_view payload);
  void take_event(Member& member, std::string_view payload, std::int64_t seq);
  void send_frame(Member& member, std::uint8_t opcode, std::string_view payload);
  void end(Member& member, int code);

  std::string address_;
  sockaddr_in peer_{};
  int epoll_;
  std::vector<Member> members_;
  SwarmCounts counts_;
  SteadyTime now_{};
  SteadyTime noted_from_{};
  std::vector<double> latencies_;
  std::vector<char> input_;
};

}  // namespace signalbox::bench
