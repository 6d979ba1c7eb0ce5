#include "ops/bench/latency_bench.hpp"

#include <iomanip>

#include "ops/bench/chat_bench.hpp"
#include "ops/bench/conditions.hpp"

namespace signalbox::bench {
namespace {

struct Floors {
  double idle_ms;      // one fdatasync at the pace of the messages
  double unbroken_ms;  // one right after the other
};

Result<Floors> measure_floors(const LatencyBenchOptions& options) {
  const auto idle = measure_fdatasync(options.folder, options.syncs, options.pause);
  if (!idle) return tl::unexpected(idle.error());
  const auto unbroken = measure_fdatasync(options.folder, options.syncs);
  if (!unbroken) return tl::unexpected(unbroken.error());
  return Floors{idle->p50_ms, unbroken->p50_ms};
}

}  // namespace

int run_latency_bench(const LatencyBenchOptions& options, std::ostream& out, std::ostream& err) {
  const auto before = measure_floors(options);
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
  const auto after = measure_floors(options);
  if (!after) {
    err << after.error().message << std::endl;
    return 1;
  }
  const double idle = (before->idle_ms + after->idle_ms) / 2;
  const double unbroken = (before->unbroken_ms + after->unbroken_ms) / 2;
  out << std::fixed << std::setprecision(3) << "fdatasync       p50 " << idle
      << " ms at the pace of the messages, " << unbroken
      << " ms one after the other (before and after, means)\n"
      << std::setprecision(2) << "ratio           " << report.started_p50 / idle
      << " agent_started p50 to one fdatasync of the idle machine (aim: at most 6.00; p99 at most"
         " 15 ms)\n"
      << "                " << report.started_p50 / unbroken
      << " to one fdatasync of a machine that does nothing else\n"
      << std::flush;
  return 0;
}

}  // namespace signalbox::bench
