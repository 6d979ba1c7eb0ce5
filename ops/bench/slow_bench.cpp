#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <iomanip>
#include <stdexcept>

#include "ops/bench/gateway_bench.hpp"
#include "ops/bench/percentile.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{60};
constexpr std::chrono::milliseconds kPace{50};
constexpr std::size_t kContentBytes = 277;  // an event value of 300 bytes
constexpr int kTurns = 2;                   // alone and beside in turn, so that both drift alike
// More than outbox and kernel keep for one socket: who does not read it has fallen behind.
constexpr std::size_t kFillEvents = 1000;
constexpr std::size_t kFillContentBytes = 16'000;
constexpr std::size_t kFillBatch = 20;
constexpr int kReceiveBytes = 4096;
constexpr std::size_t kTrickleBytes = 51;  // each kPace: 1 KiB a second
constexpr std::string_view kUser = "slow";

// A blocking socket that is read from when somebody asks for it, and not otherwise.
class PlainSocket {
 public:
  PlainSocket(const std::string& address, const std::string& request)
      : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
    const std::size_t colon = address.rfind(':');
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
    peer.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 ||
        ::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(request.size()))
      throw std::runtime_error("a slow socket cannot connect");
  }
  ~PlainSocket() { ::close(descriptor_); }
  PlainSocket(const PlainSocket&) = delete;
  PlainSocket& operator=(const PlainSocket&) = delete;

  // Empty at its end.
  std::string read(std::size_t bytes_max) {
    std::array<char, kReceiveBytes> bytes;
    const ssize_t got = ::recv(descriptor_, bytes.data(), std::min(bytes_max, bytes.size()), 0);
    if (got < 0) throw std::runtime_error("a slow socket was cut");
    return {bytes.data(), static_cast<std::size_t>(got)};
  }
  std::string read_until(std::string_view text) {
    std::string came;
    while (came.find(text) == came.npos) {
      const std::string part = read(kReceiveBytes);
      if (part.empty()) break;
      came += part;
    }
    return came;
  }

 private:
  int descriptor_;
};

struct SlowSocket : PlainSocket {
  SlowSocket(const std::string& address, const std::string& token)
      : PlainSocket(
            address,
            "GET /ws HTTP/1.1\r\nHost: " + address +
                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Protocol: signalbox.v1\r\nAuthorization: Bearer " +
                token + "\r\n\r\n") {
    // What is stated before it is live would be nothing to it.
    read_until("caught_up");
  }
};

struct SlowSockets {
  SlowSockets(const std::string& address, const std::string& token)
      : stopped(address, token), trickling(address, token) {}
  SlowSocket stopped;
  SlowSocket trickling;
};

int sockets_pulling(const std::string& address) {
  PlainSocket socket(address, "GET /metrics HTTP/1.1\r\nHost: " + address + "\r\n\r\n");
  const std::string name = "\nsignalbox_gateway_sockets_pulling ";
  const std::string text = socket.read_until(std::string_view("\0", 1));  // to its end
  const std::size_t at = text.find(name);
  return at == text.npos ? 0 : std::stoi(text.substr(at + name.size()));
}

class FastSockets {
 public:
  FastSockets(BenchedService& service, std::size_t count)
      : process_(service.process()), swarm_(process_.address()) {
    for (std::size_t i = 0; i < count; ++i)
      swarm_.connect("/ws", service.token(std::string(kUser)));
    good_ = swarm_.run_until([&] { return swarm_.counts().caught_up == count; }, kWaitMax);
  }

  // One turn: history that slow sockets do not take, then timed events; latencies in milliseconds.
  void live_for(std::chrono::milliseconds time, SlowSockets* beside,
                std::vector<double>& latencies) {
    for (std::size_t i = 0; i < kFillEvents && good_; i += kFillBatch)
      state(kFillBatch, kFillContentBytes, beside);
    const SteadyTime until = std::chrono::steady_clock::now() + time;
    while (good_ && std::chrono::steady_clock::now() < until) {
      const SteadyTime start = std::chrono::steady_clock::now();
      swarm_.latencies().clear();
      swarm_.note_latencies(start);
      state(1, kContentBytes, beside);
      for (const double microseconds : swarm_.latencies()) latencies.push_back(microseconds / 1000);
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          start + kPace - std::chrono::steady_clock::now());
      if (left.count() > 0) swarm_.run_until([] { return false; }, left);
    }
  }

  [[nodiscard]] bool good() const { return good_ && swarm_.counts().ended == 0; }
  [[nodiscard]] const SwarmCounts& counts() const { return swarm_.counts(); }

 private:
  // From the word to the owner until every fast socket has it.
  void state(std::size_t events, std::size_t bytes, SlowSockets* beside) {
    const std::uint64_t expected = swarm_.counts().events + events * swarm_.size();
    process_.tell("state " + std::string(kUser) + " " + std::to_string(events) + " " +
                  std::to_string(bytes));
    good_ = swarm_.run_until(
        [&] { return swarm_.counts().events >= expected || swarm_.counts().ended > 0; }, kWaitMax);
    process_.await_answer();
    if (beside != nullptr) beside->trickling.read(kTrickleBytes);
  }

  ServedProcess& process_;
  Swarm swarm_;
  bool good_ = false;
};

}  // namespace

int bench_slow(const GatewayBenchOptions& options, std::ostream& out) {
  const auto service = BenchedService::test_server(
      options, "slow", {"sockets_per_user_max=" + std::to_string(options.sockets + 2)});
  const std::string& address = service->process().address();
  FastSockets fast(*service, options.sockets);
  out << std::fixed << std::setprecision(2) << "slow      " << options.sockets
      << " fast sockets of one user, an event of 300 bytes every " << kPace.count() << " ms"
      << std::endl;
  const auto turn = std::chrono::milliseconds(1000 * options.seconds / kTurns);
  std::vector<double> alone;
  std::vector<double> beside;
  int pulling = 2;
  for (int i = 0; i < kTurns && fast.good(); ++i) {
    fast.live_for(turn, nullptr, alone);
    SlowSockets slow(address, service->token(std::string(kUser)));
    fast.live_for(turn, &slow, beside);
    pulling = std::min(pulling, sockets_pulling(address));
  }
  const auto tell = [&](const char* what, const std::vector<double>& latencies) {
    out << what << "p50 " << percentile(latencies, 50) << " ms, p99 " << percentile(latencies, 99)
        << " ms of " << latencies.size() << "\n";
  };
  tell("alone     ", alone);
  tell("beside    one that reads nothing and one that reads 1 KiB/s: ", beside);
  const SwarmCounts& counts = fast.counts();
  const bool good = fast.good() && counts.gaps + counts.repeats == 0 && pulling == 2;
  out << "ratio     " << percentile(beside, 50) / percentile(alone, 50) << " of the p50, "
      << percentile(beside, 99) / percentile(alone, 99) << " of the p99\nfaults    " << counts.gaps
      << " gaps, " << counts.repeats << " repeats, " << counts.ended << " fast sockets ended, "
      << 2 - pulling << " slow sockets not in pull mode\nverdict   "
      << (good ? "no violation" : "VIOLATED") << std::endl;
  return good ? 0 : 1;
}

}  // namespace signalbox::bench
