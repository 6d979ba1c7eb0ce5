// `signalbox token`: prints a token, signed with DATA/dev.key as `serve --dev` made it, or with a
// private JWK.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_token(CLI::App& program);

}  // namespace signalbox::cli
