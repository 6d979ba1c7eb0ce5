// `signalbox bench latency`: the time from a message to its agent_started frame on an idle service,
// over a real socket, beside one fdatasync on the same disk in the same run.
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
  int syncs = 100;                      // at the same pace, before and after
};

// Exit codes as run_chat_bench: every answer is checked as well.
[[nodiscard]] int run_latency_bench(const LatencyBenchOptions& options, std::ostream& out,
                                    std::ostream& err);

}  // namespace signalbox::bench
