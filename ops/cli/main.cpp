// The program `signalbox`: chooses the subcommand and returns its exit code.
#include <array>
#include <cstdio>
#include <exception>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/run_bench.hpp"
#include "ops/cli/run_contract.hpp"
#include "ops/cli/run_serve.hpp"
#include "ops/cli/run_token.hpp"
#include "ops/cli/subcommand.hpp"

int main(int argc, char** argv) {
  using namespace signalbox::cli;
  CLI::App program("Routes chat messages to agents and records every fact in one durable log.",
                   "signalbox");
  program.require_subcommand(1);
  const std::array subcommands = {add_serve(program), add_token(program), add_contract(program),
                                  add_bench(program)};
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
