#include <iomanip>

#include "ops/bench/gateway_bench.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{120};
constexpr std::size_t kWave = 500;
constexpr double kKibibyte = 1024;

struct Idle {
  double kibibytes = 0;  // per connection
  std::uint64_t faults = 0;
  double connects_per_second = 0;  // of CPU
};

Idle measure(BenchedService& service, std::size_t sockets, bool signs_in) {
  Swarm swarm(service.process().address());
  const auto connect_until = [&](std::size_t count) {
    while (swarm.size() < count)
      swarm.connect("/ws", service.token("idle-" + std::to_string(swarm.size())));
    return swarm.run_until(
        [&] { return (signs_in ? swarm.counts().caught_up : swarm.counts().open) == count; },
        kWaitMax);
  };
  const auto settle = [&] { swarm.run_until([] { return false; }, std::chrono::seconds(3)); };
  // The first ones pay for what is made once.
  if (!connect_until(10)) return {.faults = 10};
  settle();
  const std::size_t before = service.process().resident_bytes();
  const CpuByThread cpu = service.process().cpu();
  for (std::size_t count = 10 + kWave; count < sockets + 10; count += kWave)
    if (!connect_until(count)) return {.faults = count - swarm.counts().open};
  if (!connect_until(sockets + 10)) return {.faults = sockets + 10 - swarm.counts().open};
  const double spent = seconds_of(spent_between(cpu, service.process().cpu()));
  settle();
  const auto count = static_cast<double>(sockets);
  const auto grown =
      static_cast<double>(service.process().resident_bytes()) - static_cast<double>(before);
  return {grown / count / kKibibyte, swarm.counts().ended, count / spent};
}

}  // namespace

int bench_idle(const GatewayBenchOptions& options, std::ostream& out) {
  Idle gateway;
  {
    const auto service = BenchedService::program(options, "idle");
    gateway = measure(*service, options.sockets, true);
  }
  const Idle peer = measure(*BenchedService::peer(options), options.sockets, false);
  out << std::fixed << std::setprecision(2) << "idle      " << options.sockets
      << " authenticated connections of as many users\n"
      << "gateway   " << gateway.kibibytes << " KiB resident each (aim: at most 15), "
      << gateway.connects_per_second << " connects per CPU-second\n"
      << "peer      " << peer.kibibytes << " KiB, " << peer.connects_per_second
      << " connects per CPU-second\n"
      << "ratio     " << gateway.kibibytes / peer.kibibytes
      << " to the bare peer (aim: at most 1.25)\n"
      << "faults    " << gateway.faults + peer.faults << std::endl;
  return gateway.faults + peer.faults == 0 ? 0 : 1;
}

}  // namespace signalbox::bench
