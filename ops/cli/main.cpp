// The program `signalbox`: chooses the subcommand and returns its exit code.
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/run_backup.hpp"
#include "ops/cli/run_bench.hpp"
#include "ops/cli/run_contract.hpp"
#include "ops/cli/run_replay.hpp"
#include "ops/cli/run_serve.hpp"
#include "ops/cli/run_token.hpp"
#include "ops/cli/subcommand.hpp"

namespace {

// CLI11 says of an unknown word only that a subcommand is missing.
bool names_subcommands(const CLI::App& program, std::span<char* const> words) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  for (const std::string_view word : words) {
    const auto known = app->get_subcommands([](const CLI::App*) { return true; });
    if (known.empty() || word.starts_with('-')) return true;
    const auto found =
        std::ranges::find(known, word, [](const CLI::App* one) { return one->get_name(); });
    if (found == known.end()) {
      std::fprintf(stderr, "%s: there is no subcommand '%.*s'; there are:", path.c_str(),
                   static_cast<int>(word.size()), word.data());
      for (const CLI::App* one : known) std::fprintf(stderr, " %s", one->get_name().c_str());
      std::fprintf(stderr, "\n");
      return false;
    }
    app = *found;
    path += " " + app->get_name();
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace signalbox::cli;
  CLI::App program("Routes chat messages to agents and records every fact in one durable log.",
                   "signalbox");
  program.require_subcommand(1);
  program.set_version_flag("--version", "signalbox " SIGNALBOX_VERSION);
  const std::array subcommands = {add_serve(program), add_token(program),  add_contract(program),
                                  add_bench(program), add_backup(program), add_replay(program)};
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  if (!names_subcommands(program, words.subspan(std::min<std::size_t>(1, words.size()))))
    return kExitUsage;
  try {
    program.parse(argc, argv);
    for (const Subcommand& subcommand : subcommands)
      if (subcommand.app->parsed()) return subcommand.run();
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? kExitOk : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "signalbox: %s\n", error.what());
    return kExitFailed;
  }
}
