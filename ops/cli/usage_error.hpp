// What is said where the words of a command line cannot be taken: the command, the whole flag, what
// it wants, and where examples are; and where a command could not do what it was told. At start-up;
// one thread.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "event-store/model/result.hpp"

namespace signalbox::cli {

// One or two lines, each ended. `program` has parsed the words and thrown `error`.
[[nodiscard]] std::string usage_text(const CLI::App& program, const CLI::Error& error);

// Says on standard error what a command could not do, by its name and that of the field it is
// about; the exit code that goes with it.
[[nodiscard]] int refuse(std::string_view command, const Error& error);

// Refuses an empty value, as a variable of the shell gives that is not set: it would stand for all,
// or for what is taken where the flag is not given.
[[nodiscard]] CLI::Validator not_empty();

}  // namespace signalbox::cli
