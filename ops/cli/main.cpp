// The program `signalbox`: chooses the subcommand and returns its exit code.
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/run_bench.hpp"
#include "ops/cli/run_contract.hpp"
#include "ops/cli/run_serve.hpp"
#include "ops/cli/run_token.hpp"
#include "ops/cli/subcommand.hpp"

namespace {

// CLI11 says of an unknown word only that a subcommand is missing.
bool names_subcommand(std::string_view word, std::span<const signalbox::cli::Subcommand> known) {
  const bool found = std::any_of(known.begin(), known.end(), [&](const auto& subcommand) {
    return subcommand.app->get_name() == word;
  });
  if (found) return true;
  std::fprintf(stderr, "signalbox: there is no subcommand '%.*s'; there are:",
               static_cast<int>(word.size()), word.data());
  for (const auto& subcommand : known)
    std::fprintf(stderr, " %s", subcommand.app->get_name().c_str());
  std::fprintf(stderr, "\n");
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace signalbox::cli;
  CLI::App program("Routes chat messages to agents and records every fact in one durable log.",
                   "signalbox");
  program.require_subcommand(1);
  program.set_version_flag("--version", "signalbox " SIGNALBOX_VERSION);
  const std::array subcommands = {add_serve(program), add_token(program), add_contract(program),
                                  add_bench(program)};
  if (argc > 1 && argv[1][0] != '-' && !names_subcommand(argv[1], subcommands)) return kExitUsage;
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
