// `signalbox doctor`: checks what `signalbox serve` with the same settings would rely on. Ends with
// 0 where all is well or only warned of, with 1 where there is a fault.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_doctor(CLI::App& program);

}  // namespace signalbox::cli
