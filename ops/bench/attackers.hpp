// Attackers: hostile clients of one service, on a thread of their own from start to destruction,
// of one way to misbehave or spread evenly over all. Each comes back as soon as it is thrown out.
// They act every few milliseconds, not as fast as they can: they share the machine with those they
// disturb. Thread: the functions are called by one thread. Errors: a failing connect is tried
// again.
#pragma once

#include <netinet/in.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace signalbox::bench {

enum class Attack {
  ping_flood,     // pings for ever, reads nothing
  stalled,        // asks for its whole history again and again, reads nothing
  garbage,        // random bytes where frames should be
  oversize,       // a frame longer than any that is allowed
  half_open,      // half a handshake, then silence
  connect_storm,  // connects with a bad token and goes
  asking,         // asks in frames, faster than it can be answered, and reads
  resuming,       // asks for its whole history again and again, and reads
  bad_frames,     // frames that are no JSON, no UTF-8, too deep, of no type, or lack a field; reads
  bad_cursors,    // asks for what follows cursors of others and of nobody; reads
  slow_head,      // a handshake that comes a byte at a time
  smuggling,      // two requests in one, for readers that judge lengths differently
  foreign_page,   // comes with the Origin of a page that has no business here
  wrong_version,  // offers another subprotocol and another version of WebSocket
  silent,         // signs in, reads, and never answers a ping
};
constexpr std::array<std::string_view, 15> kAttackNames{
    "ping flood",    "stalled",   "garbage",      "oversize",      "half-open",
    "connect storm", "asking",    "resuming",     "bad frames",    "bad cursors",
    "slow head",     "smuggling", "foreign page", "wrong version", "silent"};
constexpr std::size_t kAttacks = kAttackNames.size();

class Attackers {
 public:
  // `token` gives a user's; it is called before the thread starts. Without `only` all attacks.
  Attackers(const std::string& address, std::size_t count,
            const std::function<std::string(const std::string& user)>& token,
            std::optional<Attack> only);
  ~Attackers();
  Attackers(const Attackers&) = delete;
  Attackers& operator=(const Attackers&) = delete;

  [[nodiscard]] std::uint64_t connects() const { return connects_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_; }

 private:
  struct Attacker {
    Attack attack;
    std::string request;
    int descriptor = -1;
    std::size_t sent = 0;  // of a head that comes slowly
  };
  void run();
  void act(Attacker& attacker);
  void connect(Attacker& attacker);
  void send(Attacker& attacker, std::string_view bytes);
  // Takes what it was answered, then says more.
  void talk(Attacker& attacker, std::string_view frames);
  // Takes what has come; false: the connection has ended.
  bool read(Attacker& attacker);
  static void close(Attacker& attacker);

  sockaddr_in peer_{};
  std::vector<Attacker> attackers_;
  std::string pings_;
  std::string resume_;
  std::string questions_;
  std::string bad_frames_;
  std::string bad_cursors_;
  std::string garbage_;
  std::string oversize_;
  std::vector<char> received_;
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace signalbox::bench
