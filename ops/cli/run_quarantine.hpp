// `signalbox quarantine`: what nobody may act on, and what is to become of it.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_quarantine(CLI::App& program);

}  // namespace signalbox::cli
