// Attackers: hostile clients of one service, on a thread of their own from start to destruction,
// spread evenly over the ways to misbehave. Each comes back as soon as it is thrown out. They act
// every few milliseconds, not as fast as they can: they share the machine with those they disturb.
// Thread: the functions are called by one thread. Errors: a failing connect is tried again.
#pragma once

#include <netinet/in.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
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
};
constexpr std::size_t kAttacks = 8;

class Attackers {
 public:
  // `token` gives a user's; it is called before the thread starts.
  Attackers(const std::string& address, std::size_t count,
            const std::function<std::string(const std::string& user)>& token);
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
  };
  void run();
  void act(Attacker& attacker);
  void connect(Attacker& attacker);
  void send(Attacker& attacker, const std::string& bytes);
  // Takes what has come; false: the connection has ended.
  bool read(Attacker& attacker);
  static void close(Attacker& attacker);

  sockaddr_in peer_{};
  std::vector<Attacker> attackers_;
  std::string pings_;
  std::string resume_;
  std::string questions_;
  std::string garbage_;
  std::string oversize_;
  std::vector<char> received_;
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace signalbox::bench
