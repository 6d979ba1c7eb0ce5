// simulation: plays seeds, each a history of a whole cluster, and says how many a minute. Exit code
// 1 when a promise was broken; then it prints what, and the command that plays that history again.
// SIGINT and SIGTERM end it after the seed it plays.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "tests/simulation/cluster.hpp"
#include "tests/simulation/defences.hpp"

namespace signalbox::simulation {
namespace {

struct Options {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1;
  double minutes = 0;
  std::string without;
  KeptFiles kept;
  bool verbose = false;
};

constexpr unsigned kSeedSecondsMax = 120;
constexpr std::uint64_t kFailedMax = 5;  // seeds, then it has said enough
char again[1024];  // the command that plays the present seed again, for who is ended in it

std::string command(const std::string& program, const Options& options, std::uint64_t seed) {
  const std::string without = options.without.empty() ? "" : " --without " + options.without;
  return "again: " + program + " --seed " + std::to_string(seed) + without + "\n";
}

volatile std::sig_atomic_t is_enough = 0;

void tell_again(int signal) {
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, again, std::strlen(again));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void print_violations(const std::string& program, const Options& options, std::uint64_t seed,
                      const RunReport& report) {
  for (const std::string& what : report.violations)
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), what.c_str());
  std::printf("%s", command(program, options, seed).c_str());
}

int play(const std::string& program, const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::map<std::string, std::int64_t, std::less<>> met;
  std::chrono::microseconds longest_heal{0};
  std::uint64_t seed = options.from;
  std::uint64_t failed = 0;
  for (; is_enough == 0 && (options.minutes > 0 ? elapsed() < options.minutes * 60
                                                : seed < options.from + options.seeds);
       ++seed) {
    std::strncpy(again, command(program, options, seed).c_str(), sizeof(again) - 1);
    alarm(kSeedSecondsMax);
    const RunReport report = simulate(seed, options.kept);
    for (const auto& [name, count] : report.met) met[name] += count;
    longest_heal = std::max(longest_heal, report.heal_to_last_end);
    if (options.verbose)
      std::printf("seed %llu trace %016llx\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(report.trace.value()));
    if (report.violations.empty()) continue;
    print_violations(program, options, seed, report);
    if (++failed == kFailedMax) {
      ++seed;
      break;
    }
  }
  const auto played = static_cast<double>(seed - options.from);
  for (const auto& [name, count] : met)
    std::printf("%10lld  %s\n", static_cast<long long>(count), name.c_str());
  std::printf("%10.1f  most seconds from the end of all faults to the last end of a run\n",
              std::chrono::duration<double>(longest_heal).count());
  std::printf("%.0f seeds, %llu failed, %.1f s, %.0f seeds a minute\n", played,
              static_cast<unsigned long long>(failed), elapsed(), played * 60 / elapsed());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace signalbox::simulation

int main(int argc, char** argv) {
  namespace simulation = signalbox::simulation;
  spdlog::set_default_logger(spdlog::stderr_logger_st("simulation"));
  spdlog::set_level(spdlog::level::off);
  simulation::Options options;
  CLI::App app{"plays histories of a simulated cluster"};
  app.add_option_function<std::uint64_t>(
      "--seed",
      [&](const std::uint64_t& seed) {
        options.from = seed;
        options.verbose = true;
      },
      "play this one, and print its trace hash");
  app.add_flag_callback(
      "--log", [] { spdlog::set_level(spdlog::level::debug); },
      "show what the simulated processes log, on standard error");
  app.add_option("--seeds", options.seeds, "play so many");
  app.add_option("--from", options.from, "beginning with this one");
  app.add_option("--minutes", options.minutes, "play for so long");
  app.add_option("--history", options.kept.history,
                 "keep there what the clients of the (last) seed did and saw");
  app.add_option("--dump", options.kept.dump, "keep its log there");
  app.add_option("--snapshots", options.kept.snapshots,
                 "keep the snapshots of its routers in this folder, which is there");
  app.add_option_function<std::string>(
         "--without",
         [&](const std::string& name) {
           options.without = name;
           simulation::turn_off(simulation::defence_named(name));
         },
         "take this defence away: a checker must notice")
      ->check([](const std::string& name) {
        return simulation::defence_named(name) ? "" : "no defence of this name";
      });
  CLI11_PARSE(app, argc, argv);
  for (const int signal : {SIGABRT,  // an assertion, an exception
                           SIGALRM,  // it never ends
                           SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(signal, simulation::tell_again);
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { simulation::is_enough = 1; });
  return simulation::play(argv[0], options);
}
