#include <iomanip>

#include "ops/bench/gateway_bench.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{180};
constexpr std::size_t kContentBytes = 277;  // an event value of 300 bytes

class Storm {
 public:
  Storm(BenchedService& service, std::size_t clients)
      : service_(service), swarm_(service.process().address()), clients_(clients) {}

  // Connects everybody and gives each an event, so that every one has a seq to go on from.
  bool prepare() {
    for (std::size_t i = 0; i < clients_; ++i)
      swarm_.connect("/ws", service_.token("s" + std::to_string(i)));
    if (!swarm_.run_until([&] { return swarm_.counts().caught_up == clients_; }, kWaitMax))
      return false;
    append(1);
    const bool came =
        swarm_.run_until([&] { return swarm_.counts().events >= clients_; }, kWaitMax);
    service_.process().await_answer();
    return came;
  }

  struct Result {
    double seconds;  // until the last one is caught up
    double cpu_seconds;
    std::uint64_t delivered;
    std::size_t refused;  // connects that ended; they were tried again
    bool complete;
    std::string threads;
  };
  // Everybody drops, misses `missed` events and comes back with the cursor, all at once.
  Result run(std::size_t missed) {
    for (std::size_t i = 0; i < clients_; ++i) swarm_.drop(i);
    // Not all at once: what the log has no room for it refuses.
    for (std::size_t i = 0; i < missed; ++i) {
      append(1);
      service_.process().await_answer();
      await_quiet();
    }
    await_quiet();
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < clients_; ++i)
      tokens.push_back(service_.token("s" + std::to_string(i)));
    const SwarmCounts before = swarm_.counts();
    const CpuByThread cpu = service_.process().cpu();
    const SteadyTime start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < clients_; ++i) come_back(i, tokens[i]);
    std::size_t ended = before.ended;
    const bool all = swarm_.run_until(
        [&] {
          if (swarm_.counts().ended != ended) {
            ended = swarm_.counts().ended;
            for (std::size_t i = 0; i < clients_; ++i)
              if (swarm_.member(i).state == Member::State::ended) come_back(i, tokens[i]);
          }
          return swarm_.counts().caught_up == clients_ &&
                 swarm_.counts().events - before.events >= missed * clients_;
        },
        kWaitMax);
    const auto end = std::chrono::steady_clock::now();
    const CpuByThread spent = spent_between(cpu, service_.process().cpu());
    const std::uint64_t delivered = swarm_.counts().events - before.events;
    return {std::chrono::duration<double>(end - start).count(),
            seconds_of(spent),
            delivered,
            swarm_.counts().ended - before.ended,
            all && delivered == missed * clients_,
            describe(spent)};
  }

  [[nodiscard]] const SwarmCounts& counts() const { return swarm_.counts(); }

 private:
  // Until the service has written and read everything, which the answer does not wait for.
  void await_quiet() {
    for (double spent = 1; spent > 0.01;) {
      const CpuByThread before = service_.process().cpu();
      swarm_.run_until([] { return false; }, std::chrono::milliseconds(500));
      spent = seconds_of(spent_between(before, service_.process().cpu()));
    }
  }
  void append(std::size_t count) {
    service_.process().tell("spread s " + std::to_string(clients_) + " " + std::to_string(count) +
                            " " + std::to_string(kContentBytes));
  }
  void come_back(std::size_t client, const std::string& token) {
    swarm_.reconnect(client, "/ws?cursor=" + swarm_.member(client).cursor, token);
  }

  BenchedService& service_;
  Swarm swarm_;
  std::size_t clients_;
};

void print(const Storm::Result& result, std::size_t clients, std::size_t missed,
           std::ostream& out) {
  out << std::setprecision(2) << "storm     " << clients << " clients with cursors and " << missed
      << " missed events each\n"
      << "gateway   " << result.seconds << " s until the last is caught up, " << result.cpu_seconds
      << " CPU-seconds, " << std::setprecision(0)
      << static_cast<double>(clients) / result.cpu_seconds << " connects and "
      << static_cast<double>(result.delivered) / result.cpu_seconds << " events per CPU-second, "
      << result.refused << " ended and came again (" << result.threads << ")\n";
}

}  // namespace

int bench_storm(const GatewayBenchOptions& options, std::ostream& out) {
  // Room for what everybody misses: this server has no archive for what has left the window.
  const auto service =
      BenchedService::test_server(options, "storm", {"window_bytes_max=268435456"});
  Storm storm(*service, options.sockets);
  out << std::fixed;
  if (!storm.prepare()) {
    out << "faults    the clients did not get as far as the storm" << std::endl;
    return 1;
  }
  const Storm::Result empty = storm.run(0);
  print(empty, options.sockets, 0, out);
  const Storm::Result full = storm.run(options.missed);
  print(full, options.sockets, options.missed, out);
  const bool good =
      empty.complete && full.complete && storm.counts().gaps + storm.counts().repeats == 0;
  out << "faults    " << storm.counts().gaps << " gaps, " << storm.counts().repeats << " repeats"
      << (empty.complete && full.complete ? "" : ", not everybody got everything") << std::endl;
  return good ? 0 : 1;
}

}  // namespace signalbox::bench
