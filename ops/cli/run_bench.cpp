#include "ops/cli/run_bench.hpp"

#include <unistd.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "ops/bench/chat_bench.hpp"
#include "ops/bench/latency_bench.hpp"
#include "ops/cli/setting.hpp"

namespace signalbox::cli {

namespace {

void add_pause(CLI::App& app, std::chrono::milliseconds& pause) {
  app.add_option_function<std::string>(
      "--pause",
      [&pause](const std::string& text) {
        const auto parsed = parse_duration(text);
        if (!parsed) throw CLI::ValidationError("--pause", "must be a duration like 20ms or 1s");
        pause = *parsed;
      },
      "between the end of a run and the user's next message");
}

Subcommand add_chat(CLI::App& bench_app) {
  const auto options = std::make_shared<bench::ChatBenchOptions>();
  CLI::App* app = bench_app.add_subcommand(
      "chat", "Plays recorded dialogues over WebSockets and checks every answer; 3: a violation.");
  app->add_option("--url", options->url,
                  "ws://HOST:PORT/ws of a service with --dev; more gateways of it after commas")
      ->required();
  app->add_option("--conversations", options->conversations, "JSON Lines, plain or gzip")
      ->required();
  app->add_option("--users", options->users, "at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  app->add_option("--limit", options->conversations_max, "only the first so many; 0: all")
      ->capture_default_str();
  app->add_option("--rounds", options->rounds, "how often everything is played")
      ->capture_default_str();
  add_pause(*app, options->pause);
  app->add_option_function<double>(
         "--minutes",
         [options](double minutes) {
           options->duration = std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::duration<double, std::ratio<60>>(minutes));
         },
         "play rounds until so many are over; every run is ended then")
      ->check(CLI::Range(0.01, 10'000.0));
  app->add_option("--history", options->history, "file to record every frame in");
  app->add_option("--seed", options->seed, "in the users' ids; 0: by the clock")
      ->capture_default_str();
  app->footer(
      "Examples:\n"
      "  signalbox bench chat --url ws://127.0.0.1:8080/ws \\\n"
      "    --conversations tests/data/conversations.jsonl.gz --users 200");
  return {app, [options] {
            options->progress_bar = isatty(STDERR_FILENO) == 1;
            return bench::run_chat_bench(*options, std::cout, std::cerr);
          }};
}

Subcommand add_latency(CLI::App& bench_app) {
  const auto options = std::make_shared<bench::LatencyBenchOptions>();
  CLI::App* app = bench_app.add_subcommand(
      "latency", "Time from a message to agent_started on an idle service, beside one fdatasync.");
  app->add_option("--url", options->url, "ws://HOST:PORT/ws of a service with --dev")->required();
  app->add_option("--conversations", options->conversations, "JSON Lines, plain or gzip")
      ->required();
  app->add_option("--dir", options->folder, "on the disk of the service's data")
      ->capture_default_str();
  app->add_option("--limit", options->conversations_max, "only the first so many; 0: all")
      ->capture_default_str();
  add_pause(*app, options->pause);
  app->footer(
      "Examples:\n"
      "  signalbox bench latency --url ws://127.0.0.1:8080/ws --dir signalbox-data \\\n"
      "    --conversations tests/data/conversations.jsonl.gz --limit 100");
  return {app, [options] { return bench::run_latency_bench(*options, std::cout, std::cerr); }};
}

}  // namespace

Subcommand add_bench(CLI::App& program) {
  CLI::App* app = program.add_subcommand("bench", "Measures and checks a running service.");
  app->require_subcommand(1);
  const Subcommand chat = add_chat(*app);
  const Subcommand latency = add_latency(*app);
  app->footer(
      "Examples:\n"
      "  signalbox bench chat --url ws://127.0.0.1:8080/ws \\\n"
      "    --conversations tests/data/conversations.jsonl.gz --users 200");
  return {app, [chat, latency] { return chat.app->parsed() ? chat.run() : latency.run(); }};
}

}  // namespace signalbox::cli
