// `signalbox watch`: sends a marked message along the whole path every few seconds, and ends with
// 1, after the operator's rollback command, once too few of them are answered.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_watch(CLI::App& program);

}  // namespace signalbox::cli
