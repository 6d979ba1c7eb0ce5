// `signalbox replay export`, and what `signalbox replay verify --export FILE` does.
#pragma once

#include <string>

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_export(CLI::App& replay_app);

// Judges an export by its file ("-": standard input) and the key in another; the exit code.
[[nodiscard]] int run_verify_export(const std::string& file, const std::string& key_file);

}  // namespace signalbox::cli
