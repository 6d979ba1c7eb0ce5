#include <algorithm>
#include <iomanip>

#include "ops/bench/attackers.hpp"
#include "ops/bench/gateway_bench.hpp"
#include "ops/bench/good_users.hpp"
#include "ops/bench/percentile.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{60};
constexpr std::size_t kHostileHistory = 300;
constexpr double kMebibyte = 1024 * 1024;

// False when a user lost an event or its socket. However long a step takes, the last one is told.
bool live_for(std::chrono::milliseconds time, GoodUsers& users, ServedProcess& process,
              std::vector<double>& all, std::ostream& out) {
  const SteadyTime start = std::chrono::steady_clock::now();
  std::vector<double> latencies;
  SteadyTime told = start;
  for (SteadyTime now = start; now < start + time;) {
    if (!users.step(latencies)) return false;
    now = std::chrono::steady_clock::now();
    if (now < told + std::chrono::seconds(10) && now < start + time) continue;
    told = now;
    out << std::setprecision(2) << "  "
        << std::chrono::duration_cast<std::chrono::seconds>(now - start).count() << " s: p50 "
        << percentile(latencies, 50) << " ms, p99 " << percentile(latencies, 99) << " ms, "
        << static_cast<double>(process.resident_bytes()) / kMebibyte << " MiB, "
        << process.descriptors() << " descriptors" << std::endl;
    all.insert(all.end(), latencies.begin(), latencies.end());
    latencies.clear();
  }
  return true;
}

// All attackers of one kind, a kind after the other. False when a user lost something.
bool live_through_each(const GatewayBenchOptions& options, std::chrono::milliseconds time,
                       GoodUsers& users, BenchedService& service, std::ostream& out) {
  for (std::size_t kind = 0; kind < kAttacks; ++kind) {
    std::vector<double> latencies;
    const Attackers attackers(
        service.process().address(), options.hostile,
        [&](const std::string& user) { return service.token(user); }, static_cast<Attack>(kind));
    out << "each      " << kAttackNames[kind] << '\n';
    if (!live_for(time, users, service.process(), latencies, out)) return false;
  }
  return true;
}

// Descriptors beyond what there was; those who have gone are noticed within a minute.
std::size_t descriptors_left(GoodUsers& users, ServedProcess& process, std::size_t before) {
  std::vector<double> ignored;
  const SteadyTime until = std::chrono::steady_clock::now() + kWaitMax;
  while (process.descriptors() > before && std::chrono::steady_clock::now() < until)
    if (!users.step(ignored)) break;
  return std::max(process.descriptors(), before) - before;
}

}  // namespace

int bench_hostile(const GatewayBenchOptions& options, std::ostream& out) {
  // A window that is full after seconds: what memory does then is what it would do for ever.
  const auto service =
      BenchedService::test_server(options, "hostile", {"window_bytes_max=4194304"});
  ServedProcess& process = service->process();
  for (std::size_t i = 0; i < options.hostile; ++i) {
    process.tell("state hostile-" + std::to_string(i) + " " + std::to_string(kHostileHistory) +
                 " 1000");
    process.await_answer();
  }
  GoodUsers users(*service, options.sockets);
  std::vector<double> calm;
  std::vector<double> attacked;
  const auto time = std::chrono::seconds(options.seconds);
  out << std::fixed << "calm      " << options.sockets
      << " users, a tenth of them gets an event every 100 ms" << std::endl;
  bool good = users.ready() && live_for(std::min(time, kWaitMax), users, process, calm, out);
  const std::size_t before = process.descriptors();
  std::size_t left = 0;
  if (good) {
    out << "attacked  by " << options.hostile << ": all of it at once" << std::endl;
    {
      const Attackers attackers(
          process.address(), options.hostile,
          [&](const std::string& user) { return service->token(user); }, std::nullopt);
      good = live_for(time, users, process, attacked, out);
      out << "  " << attackers.connects() << " connects, " << std::setprecision(1)
          << static_cast<double>(attackers.bytes_sent()) / kMebibyte << " MiB sent by them\n";
    }
    constexpr int kOfTheTime = 12;
    good = good && live_through_each(
                       options, std::min<std::chrono::milliseconds>(time, kWaitMax) / kOfTheTime,
                       users, *service, out);
    left = descriptors_left(users, process, before);
  }
  const SwarmCounts& counts = users.counts();
  good = good && left == 0 && counts.gaps + counts.repeats + counts.ended == 0;
  out << std::setprecision(2) << "latency   calm p50 " << percentile(calm, 50) << " ms, p99 "
      << percentile(calm, 99) << " ms; attacked p50 " << percentile(attacked, 50) << " ms, p99 "
      << percentile(attacked, 99) << " ms\nratio     "
      << percentile(attacked, 99) / percentile(calm, 99) << " of the p99\nfaults    " << counts.gaps
      << " gaps, " << counts.repeats << " repeats, " << counts.ended
      << " well-behaved sockets ended, " << left << " descriptors left over\nverdict   "
      << (good ? "no violation" : "VIOLATED") << std::endl;
  return good ? 0 : 1;
}

}  // namespace signalbox::bench
