// The settings by which processes of one log differ: their names, and what each event store keeps.
// At start-up; one thread.
#pragma once

#include "ops/cli/serve_options.hpp"

namespace signalbox::cli {

// In the fields of `options`, which must outlive `config`.
void add_role_settings(Config& config, ServeOptions& options);

}  // namespace signalbox::cli
