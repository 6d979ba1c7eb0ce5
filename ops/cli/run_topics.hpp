// `signalbox topics`: makes the topics of a log on Kafka, and tells what they lack.
#pragma once

#include "ops/cli/subcommand.hpp"

namespace signalbox::cli {

[[nodiscard]] Subcommand add_topics(CLI::App& program);

}  // namespace signalbox::cli
