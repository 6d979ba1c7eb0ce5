#include "ops/cli/run_bench.hpp"

#include <unistd.h>

#include <iostream>
#include <memory>

#include "ops/bench/chat_bench.hpp"

namespace signalbox::cli {

Subcommand add_bench(CLI::App& program) {
  const auto options = std::make_shared<bench::ChatBenchOptions>();
  CLI::App* app = program.add_subcommand("bench", "Measures and checks a running service.");
  app->require_subcommand(1);
  CLI::App* chat = app->add_subcommand(
      "chat", "Plays recorded dialogues over WebSockets and checks every answer; 3: a violation.");
  chat->add_option("--url", options->url, "ws://HOST:PORT/ws of a service with --dev")->required();
  chat->add_option("--conversations", options->conversations, "JSON Lines, plain or gzip")
      ->required();
  chat->add_option("--users", options->users, "at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  chat->add_option("--limit", options->conversations_max, "only the first so many; 0: all")
      ->capture_default_str();
  chat->add_option("--rounds", options->rounds, "how often everything is played")
      ->capture_default_str();
  chat->add_option("--history", options->history, "file to record every frame in");
  chat->add_option("--seed", options->seed, "in the users' ids; 0: by the clock")
      ->capture_default_str();
  return {app, [options] {
            options->progress_bar = isatty(STDERR_FILENO) == 1;
            return bench::run_chat_bench(*options, std::cout, std::cerr);
          }};
}

}  // namespace signalbox::cli
