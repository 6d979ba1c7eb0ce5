// The table of every error a person can meet, as the paper ops/errors.md has it: made of the tables
// in the code, so that neither says what the other does not. Pure.
#pragma once

#include <string>

namespace signalbox::cli {

[[nodiscard]] std::string error_table();

}  // namespace signalbox::cli
