// Logs of the program: one JSON object a line on standard error, through spdlog's default logger.
// A line holds `time`, `level`, `message`; never a token, never what a user wrote.
#pragma once

namespace signalbox::cli {

// At start-up, before any other thread logs.
void log_as_json_lines();

}  // namespace signalbox::cli
