#include "ops/bench/latency_bench.hpp"

#include <iomanip>
#include <limits>
#include <thread>

#include "ops/bench/chat_bench.hpp"
#include "ops/bench/conditions.hpp"

namespace signalbox::bench {

int run_latency_bench(const LatencyBenchOptions& options, std::ostream& out, std::ostream& err) {
  out << describe_conditions();
  Result<SyncFloor> paced = SyncFloor{};
  std::jthread syncing([&](const std::stop_token& stop) {
    paced = measure_fdatasync(options.folder, std::numeric_limits<int>::max(), options.pause, stop);
  });
  const ChatBenchReport report = play_conversations({.url = options.url,
                                                     .conversations = options.conversations,
                                                     .users = 1,
                                                     .conversations_max = options.conversations_max,
                                                     .pause = options.pause},
                                                    out, err);
  syncing.request_stop();
  syncing.join();
  if (report.exit_code != 0) return report.exit_code;
  const auto unbroken = measure_fdatasync(options.folder, options.syncs);
  if (!paced || !unbroken) {
    err << (paced ? unbroken : paced).error().message << std::endl;
    return 1;
  }
  out << std::fixed << std::setprecision(3) << "fdatasync       p50 " << paced->p50_ms
      << " ms at the pace of the messages and between them, " << unbroken->p50_ms
      << " ms one after the other\n"
      << std::setprecision(2) << "ratio           " << report.started_p50 / paced->p50_ms
      << " agent_started p50 to one fdatasync of the idle machine (aim: at most 6.00; p99 at most"
         " 15 ms)\n"
      << "                " << report.started_p50 / unbroken->p50_ms
      << " to one fdatasync of a machine that does nothing else\n"
      << std::flush;
  return 0;
}

}  // namespace signalbox::bench
