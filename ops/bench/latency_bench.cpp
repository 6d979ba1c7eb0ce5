#include "ops/bench/latency_bench.hpp"

#include <iomanip>

#include "ops/bench/chat_bench.hpp"
#include "ops/bench/conditions.hpp"

namespace signalbox::bench {

int run_latency_bench(const LatencyBenchOptions& options, std::ostream& out, std::ostream& err) {
  const auto before = measure_fdatasync(options.folder, options.syncs);
  if (!before) {
    err << before.error().message << std::endl;
    return 1;
  }
  out << describe_conditions();
  const ChatBenchReport report = play_conversations({.url = options.url,
                                                     .conversations = options.conversations,
                                                     .users = 1,
                                                     .conversations_max = options.conversations_max,
                                                     .pause = options.pause},
                                                    out, err);
  if (report.exit_code != 0) return report.exit_code;
  const auto after = measure_fdatasync(options.folder, options.syncs);
  if (!after) {
    err << after.error().message << std::endl;
    return 1;
  }
  const double sync = (before->p50_ms + after->p50_ms) / 2;
  out << std::fixed << std::setprecision(3) << "fdatasync       p50 " << sync
      << " ms (before and after, mean)\n"
      << std::setprecision(2) << "ratio           " << report.started_p50 / sync
      << " agent_started p50 to one fdatasync (aim: at most 6.00; p99 at most 15 ms)\n"
      << std::flush;
  return 0;
}

}  // namespace signalbox::bench
