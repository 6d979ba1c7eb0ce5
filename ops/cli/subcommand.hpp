// Subcommand: what main chooses from. Each run_<subcommand>.hpp adds one to the program: its
// options, and the function that does it once they are parsed and returns the exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace signalbox::cli {

struct Subcommand {
  CLI::App* app;
  std::function<int()> run;
};

}  // namespace signalbox::cli
