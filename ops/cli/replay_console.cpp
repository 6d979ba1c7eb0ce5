#include "ops/cli/replay_console.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <utility>

#include "ops/cli/exit_code.hpp"

namespace signalbox::cli {

ReplayConsole::ReplayConsole(std::string verb, bool shows_lines)
    : verb_(std::move(verb)),
      is_on_terminal_(isatty(STDOUT_FILENO) == 1),
      bar_(std::cerr, isatty(STDERR_FILENO) == 1 && !(shows_lines && is_on_terminal_)) {}

replay::Watch ReplayConsole::watch(std::string_view unit) {
  return [this, unit](const replay::Progress& progress) {
    bar_.show(progress.done, progress.total, unit);
    return sleep(std::chrono::milliseconds(0));
  };
}

bool ReplayConsole::write(std::string_view text) {
  if (is_on_terminal_) bar_.end();
  if (is_read_ && std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    is_read_ = errno != EPIPE;
  return is_read_;
}

bool ReplayConsole::sleep_until(std::chrono::steady_clock::time_point when) {
  using std::chrono::milliseconds;
  constexpr milliseconds kLongest(60'000);  // of one sleep
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(when - std::chrono::steady_clock::now());
    if (left <= milliseconds(0)) return true;
    std::fflush(stdout);
    if (!sleep(std::min(left, kLongest))) return false;
  }
}

void ReplayConsole::note(const std::string& sentence) {
  bar_.end();
  std::fprintf(stderr, "signalbox replay %s: %s\n", verb_.c_str(), sentence.c_str());
}

int ReplayConsole::refuse(const Error& error) {
  bar_.end();
  std::fflush(stdout);
  std::fprintf(stderr, "signalbox replay %s: %s%s%s\n", verb_.c_str(), error.field.c_str(),
               error.field.empty() ? "" : ": ", error.message.c_str());
  return exit_code_of(error);
}

int ReplayConsole::finish() {
  bar_.end();
  if (std::fflush(stdout) == 0 || errno == EPIPE) return kExitOk;
  return refuse({Errc::io_error, "standard output cannot be written"});
}

Result<std::optional<UserId>> user_of(const ReplayArguments& arguments) {
  if (arguments.user.empty()) return std::optional<UserId>();
  return parse_id<UserId>(arguments.user, "--user").map([](UserId user) {
    return std::optional(std::move(user));
  });
}

}  // namespace signalbox::cli
