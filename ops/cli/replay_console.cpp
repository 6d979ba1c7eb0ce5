#include "ops/cli/replay_console.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <system_error>
#include <utility>

#include "ops/cli/exit_code.hpp"

namespace signalbox::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(50);  // how late a signal may be seen

}  // namespace

ReplayConsole::ReplayConsole(std::string verb)
    : verb_(std::move(verb)),
      is_on_terminal_(isatty(STDOUT_FILENO) == 1),
      bar_(std::cerr, isatty(STDERR_FILENO) == 1) {}

replay::Watch ReplayConsole::watch(std::string_view unit) {
  unit_ = unit;
  return [this](const replay::Progress& progress) {
    progress_ = progress;
    return goes_on();
  };
}

bool ReplayConsole::goes_on() {
  // Who erased it there would erase what the line has.
  if (!is_on_terminal_ || !is_within_line_) bar_.show(progress_.done, progress_.total, unit_);
  const auto now = Clock::now();
  if (now < next_look_) return true;
  if (signal_.sleep(std::chrono::milliseconds(0))) return false;
  next_look_ = now + kBetweenLooks;
  return true;
}

bool ReplayConsole::write(std::string_view text) {
  if (is_on_terminal_) bar_.erase();
  if (!text.empty()) is_within_line_ = !text.ends_with('\n');
  if (unwritten_ == 0 && std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
    unwritten_ = errno;
  return unwritten_ == 0;
}

void ReplayConsole::flush() {
  if (std::fflush(stdout) != 0 && unwritten_ == 0) unwritten_ = errno;
}

bool ReplayConsole::sleep_until(Clock::time_point when) {
  using std::chrono::milliseconds;
  constexpr milliseconds kLongest(250);  // of one sleep: the bar goes on meanwhile
  while (goes_on()) {
    const auto left = std::chrono::ceil<milliseconds>(when - Clock::now());
    if (left <= milliseconds(0)) return true;
    flush();
    if (signal_.sleep(std::min(left, kLongest))) break;
  }
  return false;
}

void ReplayConsole::note(const std::string& sentence) {
  bar_.erase();
  std::fprintf(stderr, "signalbox replay %s: %s\n", verb_.c_str(), sentence.c_str());
}

int ReplayConsole::refuse(const Error& error) {
  bar_.erase();
  std::fflush(stdout);
  std::fprintf(stderr, "signalbox replay %s: %s%s%s\n", verb_.c_str(), error.field.c_str(),
               error.field.empty() ? "" : ": ", error.message.c_str());
  return exit_code_of(error);
}

int ReplayConsole::finish() {
  bar_.erase();
  flush();
  std::clearerr(stdout);  // it is told here, and not once more at the program's end
  if (unwritten_ == 0 || unwritten_ == EPIPE) return kExitOk;
  return refuse({Errc::io_error, "standard output cannot be written: " +
                                     std::generic_category().message(unwritten_)});
}

Result<std::optional<UserId>> user_of(const ReplayArguments& arguments) {
  if (arguments.user.empty()) return std::optional<UserId>();
  return parse_id<UserId>(arguments.user, "--user").map([](UserId user) {
    return std::optional(std::move(user));
  });
}

}  // namespace signalbox::cli
