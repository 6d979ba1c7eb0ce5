// `signalbox replay VERB`: what happened, from the log of a data directory, running or copied.
#pragma once

#include "ops/cli/own_agents.hpp"
#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_replay(CLI::App& program, const AddAgents& add_agents);

}  // namespace signalbox::cli
