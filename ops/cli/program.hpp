// The program `signalbox` as a function: what its main calls, and the main of a program that embeds
// it with agents of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "ops/cli/own_agents.hpp"
#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

struct Program {
  std::unique_ptr<CLI::App> app;
  std::vector<Subcommand> subcommands;
};
// All subcommands with their options; nothing is run.
[[nodiscard]] Program make_program(const AddAgents& add_agents = {});

// Chooses the subcommand, runs it and returns the exit code.
[[nodiscard]] int run_program(int argc, char** argv, const AddAgents& add_agents = {});

}  // namespace signalbox::cli
