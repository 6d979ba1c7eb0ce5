// `signalbox backup`: copies the data directory of a running service into a new folder.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_backup(CLI::App& program);

}  // namespace signalbox::cli
