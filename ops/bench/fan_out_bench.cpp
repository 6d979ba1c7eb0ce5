#include <iomanip>

#include "event-store/contract/cursor.hpp"
#include "ops/bench/core_seconds.hpp"
#include "ops/bench/event_source.hpp"
#include "ops/bench/gateway_bench.hpp"
#include "ops/cli/system_clock.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{120};
// `{"step":1,"content":"…"}` of this much content is an event value of 300 bytes.
constexpr std::size_t kContentBytes = 277;

struct FanOut {
  double per_second = 0;          // deliveries per CPU-second of the whole process
  double per_gateway_second = 0;  // of the threads that are neither log nor owner
  std::size_t frame_bytes = 0;
  std::uint64_t faults = 0;
  std::string threads{};
};

// `send` begins to send `batch` events to every socket.
FanOut measure(ServedProcess& process, Swarm& swarm, const GatewayBenchOptions& options,
               const std::function<void(std::size_t)>& send) {
  FanOut result;
  const auto step = [&](std::size_t batch) {
    const std::uint64_t expected = swarm.counts().events + batch * options.sockets;
    send(batch);
    const bool came = swarm.run_until([&] { return swarm.counts().events >= expected; }, kWaitMax);
    process.await_answer();
    if (!came) ++result.faults;
    return came;
  };
  if (!step(options.batch)) return result;  // the first one pays for what is made once
  const CpuByThread before = process.cpu();
  const SwarmCounts counted = swarm.counts();
  for (std::size_t i = 0; i < options.rounds; i += options.batch)
    if (!step(options.batch)) return result;
  const CpuByThread spent = spent_between(before, process.cpu());
  const auto deliveries = swarm.counts().events - counted.events;
  const auto count = static_cast<double>(deliveries);
  result.per_second = count / seconds_of(spent);
  const double others = seconds_of(spent, "log-") + seconds_of(spent, "owner");
  result.per_gateway_second = count / (seconds_of(spent) - others);
  result.frame_bytes = (swarm.counts().frame_bytes - counted.frame_bytes) / deliveries;
  result.faults += swarm.counts().gaps + swarm.counts().repeats + swarm.counts().ended;
  result.threads = describe(spent);
  return result;
}

FanOut measure_gateway(const GatewayBenchOptions& options, std::size_t users) {
  const auto service =
      BenchedService::test_server(options, "fanout-" + std::to_string(users),
                                  {"sockets_per_user_max=" + std::to_string(options.sockets)});
  Swarm swarm(service->process().address());
  for (std::size_t i = 0; i < options.sockets; ++i)
    swarm.connect("/ws", service->token("f" + std::to_string(i % users)));
  if (!swarm.run_until([&] { return swarm.counts().caught_up == options.sockets; }, kWaitMax))
    return {.faults = options.sockets - swarm.counts().caught_up};
  return measure(service->process(), swarm, options, [&](std::size_t batch) {
    service->process().tell("spread f " + std::to_string(users) + " " + std::to_string(batch) +
                            " " + std::to_string(kContentBytes));
  });
}

FanOut measure_peer(const GatewayBenchOptions& options, std::size_t users,
                    std::size_t frame_bytes) {
  const auto peer = BenchedService::peer(options);
  Swarm swarm(peer->process().address());
  for (std::size_t i = 0; i < options.sockets; ++i) swarm.connect("/ws", "");
  if (!swarm.run_until([&] { return swarm.counts().open == options.sockets; }, kWaitMax))
    return {.faults = options.sockets - swarm.counts().open};
  peer->process().tell("open " + std::to_string(options.sockets));
  peer->process().await_answer();
  return measure(peer->process(), swarm, options, [&](std::size_t batch) {
    peer->process().tell("send " + std::to_string(batch) + " " + std::to_string(frame_bytes) + " " +
                         std::to_string(options.sockets / users));
  });
}

// What no gateway can leave out: of each event of a user it follows, the content and the link of
// his chain (contract 7, 8) and the check of the cursor its frame states (contract 10). Seconds of
// one core per event, as slow as this machine's SHA-256 is.
double hashing_seconds() {
  constexpr int kEvents = 20'000;
  const cli::SystemClock clock;
  const LogId log(Uuid{});
  const UserId user("bench-user-0");
  EventSource source(log, clock, 1, kContentBytes + 23);
  std::vector<NewRecord> events;
  for (int i = 0; i < EventSource::kUsers; ++i) events.push_back(source.next().record);
  event_store::Hash chain = event_store::chain_start(log, user);
  const double before = core_seconds();
  for (int i = 0; i < kEvents; ++i) {
    const NewRecord& event = events[static_cast<std::size_t>(i) % events.size()];
    chain = event_store::chain_next(chain, event_store::content_hash(event.headers, event.value));
    // The text of the cursor costs a tenth of its hash.
    const std::string cursor = event_store::encode_cursor(
        {log, Partition(0), Offset(i), Epoch(1), OwnerSeq(i), Seq(i)}, user);
    chain[0] ^= static_cast<std::uint8_t>(cursor.back());
  }
  return (core_seconds() - before) / kEvents;
}

}  // namespace

int bench_fan_out(const GatewayBenchOptions& options, std::ostream& out) {
  std::uint64_t faults = 0;
  const double hashing = hashing_seconds();
  out << std::fixed << std::setprecision(0);
  for (const std::size_t users : {options.sockets, options.sockets / 10, std::size_t{1}}) {
    const FanOut gateway = measure_gateway(options, users);
    const FanOut peer = measure_peer(options, users, gateway.frame_bytes);
    faults += gateway.faults + peer.faults;
    out << "fan-out   " << options.sockets << " sockets of " << users
        << " users, events of 300 bytes in frames of " << gateway.frame_bytes << ", "
        << options.batch << " at once\n"
        << "gateway   " << gateway.per_second << " deliveries per CPU-second, "
        << gateway.per_gateway_second << " without log and owner (" << gateway.threads << ")\n"
        << "peer      " << peer.per_second << " (" << peer.threads << ")\n"
        << std::setprecision(2) << "ratio     " << gateway.per_second / peer.per_second
        << " to the bare peer, " << gateway.per_gateway_second / peer.per_second
        << " without log and owner (aim: at least 0.80); "
        << gateway.per_gateway_second *
               (1 / peer.per_second +
                hashing * static_cast<double>(users) / static_cast<double>(options.sockets))
        << " to a peer that hashes what the "
           "contract asks of a gateway, "
        << hashing * 1e6 << " us an event\n"
        << std::setprecision(0);
  }
  out << "faults    " << faults << std::endl;
  return faults == 0 ? 0 : 1;
}

}  // namespace signalbox::bench
