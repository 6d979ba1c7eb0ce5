// `signalbox serve`, and each of its roles as a process of its own over a log on Kafka:
// `signalbox gateway`, `signalbox router`, `signalbox event-store`.
#pragma once

#include <vector>

#include "ops/cli/own_agents.hpp"
#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] std::vector<Subcommand> add_roles(CLI::App& program, const AddAgents& add_agents);

}  // namespace signalbox::cli
