// `signalbox contract list|show|check|map`: the schemas of every record and frame.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_contract(CLI::App& program);

}  // namespace signalbox::cli
