#include <functional>
#include <iomanip>
#include <stop_token>
#include <thread>

#include "ops/bench/gateway_bench.hpp"
#include "ops/bench/good_users.hpp"
#include "ops/bench/percentile.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{180};
constexpr std::size_t kContentBytes = 277;  // an event value of 300 bytes
constexpr std::size_t kBystanders = 500;
constexpr std::chrono::seconds kCalm{5};

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
  // Everybody drops and misses so many events.
  void miss(std::size_t missed) {
    for (std::size_t i = 0; i < clients_; ++i) swarm_.drop(i);
    // Not all at once: what the log has no room for it refuses.
    for (std::size_t i = 0; i < missed; ++i) {
      append(1);
      service_.process().await_answer();
      await_quiet();
    }
    await_quiet();
  }
  // Everybody comes back with the cursor, all at once. The service is told nothing.
  Result come_back(std::size_t missed) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < clients_; ++i)
      tokens.push_back(service_.token("s" + std::to_string(i)));
    const SwarmCounts before = swarm_.counts();
    const CpuByThread cpu = service_.process().cpu();
    const SteadyTime start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < clients_; ++i) reconnect(i, tokens[i]);
    std::size_t ended = before.ended;
    const bool all = swarm_.run_until(
        [&] {
          if (swarm_.counts().ended != ended) {
            ended = swarm_.counts().ended;
            for (std::size_t i = 0; i < clients_; ++i)
              if (swarm_.member(i).state == Member::State::ended) reconnect(i, tokens[i]);
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
  [[nodiscard]] std::size_t frame_bytes() const {
    return swarm_.counts().frame_bytes / std::max<std::uint64_t>(1, swarm_.counts().events);
  }

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
  void reconnect(std::size_t client, const std::string& token) {
    swarm_.reconnect(client, "/ws?cursor=" + swarm_.member(client).cursor, token);
  }

  BenchedService& service_;
  Swarm swarm_;
  std::size_t clients_;
};

// What the users' events took, in milliseconds, while this thread did something else.
std::vector<double> latencies_during(GoodUsers& users, const std::function<void()>& act) {
  std::vector<double> latencies;
  std::jthread thread([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && users.step(latencies)) {
    }
  });
  act();
  thread.request_stop();
  thread.join();
  return latencies;
}

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

// The same clients at the bare program, which sends each what it has missed once all are there.
// CPU-seconds; 0 when something did not come.
double peer_seconds(const GatewayBenchOptions& options, std::size_t missed,
                    std::size_t frame_bytes) {
  const auto peer = BenchedService::peer(options);
  Swarm swarm(peer->process().address());
  const CpuByThread before = peer->process().cpu();
  for (std::size_t i = 0; i < options.sockets; ++i) swarm.connect("/ws", "");
  if (!swarm.run_until([&] { return swarm.counts().open == options.sockets; }, kWaitMax)) return 0;
  peer->process().tell("open " + std::to_string(options.sockets));
  peer->process().await_answer();
  if (missed > 0) {
    peer->process().tell("send " + std::to_string(missed) + " " + std::to_string(frame_bytes) +
                         " 1");
    const bool came = swarm.run_until(
        [&] { return swarm.counts().events == missed * options.sockets; }, kWaitMax);
    peer->process().await_answer();
    if (!came) return 0;
  }
  return seconds_of(spent_between(before, peer->process().cpu()));
}

void print_peer(const Storm::Result& result, double peer, std::ostream& out) {
  out << std::setprecision(2) << "peer      " << peer << " CPU-seconds\nratio     "
      << peer / result.cpu_seconds << " of the gateway's CPU-seconds\n";
}

// A storm once more, beside users who are connected and go on; apart, as they cost CPU too. What
// they wait for the cores alone the same storm at the peer shows.
bool storm_beside_others(const GatewayBenchOptions& options, Storm& storm, BenchedService& service,
                         std::ostream& out) {
  storm.miss(options.missed);
  GoodUsers users(service, kBystanders);
  const std::vector<double> calm =
      latencies_during(users, [] { std::this_thread::sleep_for(kCalm); });
  Storm::Result result{};
  const std::vector<double> beside =
      latencies_during(users, [&] { result = storm.come_back(options.missed); });
  const std::vector<double> beside_peer = latencies_during(users, [&] {
    static_cast<void>(peer_seconds(options, options.missed, storm.frame_bytes()));
  });
  out << "beside it " << kBystanders << " users, a tenth of them gets an event every 100 ms, "
      << beside.size() << " events in " << result.seconds << " s: p50 " << percentile(beside, 50)
      << " ms, p99 " << percentile(beside, 99) << " ms; calm p50 " << percentile(calm, 50)
      << " ms, p99 " << percentile(calm, 99) << " ms; beside the same storm at the peer p50 "
      << percentile(beside_peer, 50) << " ms, p99 " << percentile(beside_peer, 99) << " ms\n";
  const SwarmCounts& counts = users.counts();
  return users.ready() && result.complete && counts.gaps + counts.repeats + counts.ended == 0;
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
  bool complete = true;
  for (const std::size_t missed : {std::size_t{0}, options.missed}) {
    storm.miss(missed);
    const Storm::Result result = storm.come_back(missed);
    print(result, options.sockets, missed, out);
    const double peer = peer_seconds(options, missed, storm.frame_bytes());
    print_peer(result, peer, out);
    complete = complete && result.complete && peer > 0;
  }
  complete = storm_beside_others(options, storm, *service, out) && complete;
  const bool good = complete && storm.counts().gaps + storm.counts().repeats == 0;
  out << "faults    " << storm.counts().gaps << " gaps, " << storm.counts().repeats << " repeats"
      << (complete ? "" : ", not everybody got everything") << std::endl;
  return good ? 0 : 1;
}

}  // namespace signalbox::bench
