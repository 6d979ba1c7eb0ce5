// `signalbox bench chat`: plays recorded dialogues as many concurrent users against a running
// service, over real WebSockets, and checks everything that comes back. It bears the service being
// killed and started again.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace signalbox::bench {

struct ChatBenchOptions {
  // ws://HOST:PORT/ws of a service started with --dev; several, with commas between, are gateways
  // of one service: users are dealt out over them and go on at the next one when theirs ends
  std::string url;
  std::string conversations;          // file: JSON Lines, plain or gzip
  std::size_t users = 10;             // at once
  std::size_t conversations_max = 0;  // of the file, its first ones; 0 = all
  std::size_t rounds = 1;             // every round plays everything again, with users of its own
  // Above 0: rounds follow until the time is up, then every user ends the message that is due.
  std::chrono::milliseconds duration{0};
  std::string history{};   // file to record every operation and frame in; empty: none
  std::uint64_t seed = 0;  // in the users' ids, so a service sees new ones; 0 = by the clock
  std::chrono::milliseconds pause{0};            // between a run's end and a user's next message
  std::chrono::milliseconds stall_max{120'000};  // connected, and nothing comes
  std::chrono::milliseconds unreachable_max{60'000};
  bool recheck = true;        // every user reads the whole history again at the end
  bool progress_bar = false;  // on `err`; for terminals
};

struct ChatBenchReport {
  int exit_code = 0;
  double seconds = 0;
  double ack_p50 = 0, ack_p99 = 0;          // milliseconds
  double started_p50 = 0, started_p99 = 0;  // milliseconds, message to agent_started
};

// Exit codes: 0 all as recorded; 1 a file cannot be read or written; 2 no such url; 3 a violation,
// the first one named on `err`; 75 the service stayed unreachable. Figures go to `out`.
[[nodiscard]] ChatBenchReport play_conversations(const ChatBenchOptions& options, std::ostream& out,
                                                 std::ostream& err);
[[nodiscard]] int run_chat_bench(const ChatBenchOptions& options, std::ostream& out,
                                 std::ostream& err);

}  // namespace signalbox::bench
