// `signalbox bench latency`: the time from a message to its agent_started frame on an idle service,
// over a real socket, beside one fdatasync on the same disk. The fdatasync is measured at the same
// pace while the messages go, because what a machine that sleeps in between needs for one differs by
// a factor of two from one minute to the next.
#pragma once

#include <chrono>
#include <ostream>
#include <string>

namespace signalbox::bench {

struct LatencyBenchOptions {
  std::string url;                      // ws://HOST:PORT/ws of a service started with --dev
  std::string conversations;            // file: JSON Lines, plain or gzip
  std::string folder = ".";             // on the disk of the service's data
  std::size_t conversations_max = 120;  // about 220 messages
  std::chrono::milliseconds pause{50};  // before each message, so that the service is idle
  int syncs = 100;                      // one after the other, when the messages are done
};

// Exit codes as run_chat_bench: every answer is checked as well.
[[nodiscard]] int run_latency_bench(const LatencyBenchOptions& options, std::ostream& out,
                                    std::ostream& err);

}  // namespace signalbox::bench
