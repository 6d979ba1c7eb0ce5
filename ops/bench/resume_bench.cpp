#include <iomanip>

#include "ops/bench/gateway_bench.hpp"
#include "ops/bench/percentile.hpp"

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{60};
constexpr std::size_t kUsers = 5;
constexpr std::int64_t kMissed = 1000;
constexpr std::size_t kMessagesAtOnce = 16;

std::string user_name(std::size_t user) { return "resume-" + std::to_string(user); }

std::string message(std::size_t number) {
  const std::string text = std::to_string(number);
  return R"({"type":"user_message","message_id":"m)" + text + R"(","thread_id":"t)" + text +
         R"(","content":"what is )" + text + R"( + 1?"})";
}

// Until something has come, and then nothing for so long: all runs have ended. A busy disk is
// silent for a while, too.
void await_silence(Swarm& swarm, std::chrono::milliseconds silence) {
  const std::uint64_t before = swarm.counts().events;
  swarm.run_until([&] { return swarm.counts().events > before; }, kWaitMax);
  for (std::uint64_t seen = before; seen != swarm.counts().events;) {
    seen = swarm.counts().events;
    swarm.run_until([] { return false; }, silence);
  }
}

// Everybody talks to the assistant until his stream has kMissed events. The cursor before the
// first of them, by user; empty where that did not come about.
std::vector<std::string> fill(BenchedService& service, Swarm& swarm) {
  for (std::size_t user = 0; user < kUsers; ++user)
    swarm.connect("/ws", service.token(user_name(user)));
  if (!swarm.run_until([&] { return swarm.counts().caught_up == kUsers; }, kWaitMax)) return {};
  std::vector<std::string> cursors;
  for (std::size_t user = 0; user < kUsers; ++user) cursors.push_back(swarm.member(user).cursor);
  std::size_t sent = 0;
  for (bool enough = false; !enough; sent += kMessagesAtOnce) {
    for (std::size_t user = 0; user < kUsers; ++user)
      for (std::size_t i = 0; i < kMessagesAtOnce; ++i) swarm.send_text(user, message(sent + i));
    await_silence(swarm, std::chrono::milliseconds(200));
    enough = true;
    for (std::size_t user = 0; user < kUsers; ++user)
      enough = enough && swarm.member(user).seq >= kMissed;
  }
  swarm.send_text(0, message(sent));  // what comes at last
  await_silence(swarm, std::chrono::seconds(5));
  return cursors;
}

struct Resumes {
  std::vector<double> milliseconds;
  std::uint64_t events = 0;
  std::uint64_t frame_bytes = 0;
  std::uint64_t faults = 0;
  std::string threads;
};

Resumes measure(BenchedService& service, const std::vector<std::string>& cursors,
                const std::vector<std::int64_t>& last, std::size_t count) {
  Swarm swarm(service.process().address());
  Resumes result;
  const CpuByThread before = service.process().cpu();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t user = i % cursors.size();
    const std::size_t member =
        swarm.connect("/ws?cursor=" + cursors[user], service.token(user_name(user)));
    swarm.run_until(
        [&] {
          return swarm.member(member).caught_up ||
                 swarm.member(member).state == Member::State::ended;
        },
        kWaitMax);
    const Member& client = swarm.member(member);
    if (!client.caught_up || client.seq != last[user] ||
        client.events != static_cast<std::uint64_t>(last[user]))
      ++result.faults;
    result.milliseconds.push_back(
        std::chrono::duration<double, std::milli>(client.caught_up_at - client.started).count());
    swarm.drop(member);
  }
  result.events = swarm.counts().events;
  result.frame_bytes = swarm.counts().frame_bytes;
  result.faults += swarm.counts().gaps + swarm.counts().repeats;
  result.threads = describe(spent_between(before, service.process().cpu()));
  return result;
}

// The same frames from a program that has them at hand.
std::vector<double> measure_peer(const GatewayBenchOptions& options, std::uint64_t events,
                                 std::size_t bytes) {
  const auto peer = BenchedService::peer(options);
  std::vector<double> milliseconds;
  Swarm swarm(peer->process().address());
  const auto await_open = [&](int count) {
    peer->process().tell("open " + std::to_string(count));
    peer->process().await_answer();
  };
  for (std::size_t i = 0; i < options.resumes; ++i) {
    const SteadyTime start = std::chrono::steady_clock::now();
    const std::size_t member = swarm.connect("/ws", "");
    swarm.run_until([&] { return swarm.counts().open == 1; }, kWaitMax);
    await_open(1);
    peer->process().tell("send " + std::to_string(events) + " " + std::to_string(bytes) + " 1");
    swarm.run_until([&] { return swarm.member(member).events == events; }, kWaitMax);
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    peer->process().await_answer();
    swarm.drop(member);
    await_open(0);
  }
  return milliseconds;
}

void print(const char* from, const Resumes& resumes, std::ostream& out) {
  out << from << percentile(resumes.milliseconds, 50) << " ms p50, "
      << percentile(resumes.milliseconds, 99) << " ms p99 (" << resumes.threads << ")\n";
}

}  // namespace

int bench_resume(const GatewayBenchOptions& options, std::ostream& out) {
  std::vector<std::string> cursors;
  std::vector<std::int64_t> last;
  Resumes window;
  {
    const auto service = BenchedService::program(options, "resume");
    Swarm swarm(service->process().address());
    cursors = fill(*service, swarm);
    for (std::size_t user = 0; user < cursors.size(); ++user) {
      last.push_back(swarm.member(user).seq);
      swarm.drop(user);
    }
    if (cursors.empty() || swarm.counts().gaps + swarm.counts().repeats > 0) {
      out << "faults    the events to resume from did not come as they should" << std::endl;
      return 1;
    }
    window = measure(*service, cursors, last, options.resumes);
  }
  // A service that has just started has an empty window.
  const auto service = BenchedService::program(options, "resume");
  const Resumes archive = measure(*service, cursors, last, options.resumes);
  const std::uint64_t each = window.events / options.resumes;
  const auto peer = measure_peer(options, each, window.frame_bytes / window.events);
  out << std::fixed << std::setprecision(2) << "resume    " << options.resumes << " of about "
      << each << " missed events, one after the other, connect to caught_up\n";
  print("window    ", window, out);
  print("archive   ", archive, out);
  out << "peer      " << percentile(peer, 50) << " ms p50, " << percentile(peer, 99)
      << " ms p99: a handshake and as many frames of that size\n"
      << "ratio     " << percentile(window.milliseconds, 50) / percentile(peer, 50)
      << " of the window's p50 to the peer, "
      << percentile(archive.milliseconds, 50) / percentile(peer, 50) << " of the archive's\n"
      << "faults    " << window.faults + archive.faults << std::endl;
  return window.faults + archive.faults == 0 ? 0 : 1;
}

}  // namespace signalbox::bench
