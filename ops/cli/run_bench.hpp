// `signalbox bench chat`: plays recorded dialogues as many users against a running service.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_bench(CLI::App& program);

}  // namespace signalbox::cli
