// `signalbox token`: prints a token for development, signed with DATA/dev.key as `serve --dev` made
// it (made anew where there is none).
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_token(CLI::App& program);

}  // namespace signalbox::cli
