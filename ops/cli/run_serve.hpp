// `signalbox serve`: gateway, router and event store in one process over the embedded log.
#pragma once

#include "ops/cli/own_agents.hpp"
#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_serve(CLI::App& program, const AddAgents& add_agents);

}  // namespace signalbox::cli
