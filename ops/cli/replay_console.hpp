// ReplayConsole: what the verbs of `signalbox replay` share: the data directory they read, where
// their lines go, the bar on a terminal, and the end by Ctrl-C. Thread: main's.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ops/cli/exit_code.hpp"
#include "ops/cli/log_settings.hpp"
#include "ops/cli/progress_bar.hpp"
#include "ops/cli/shutdown_signal.hpp"
#include "ops/cli/usage_error.hpp"
#include "replay/watch.hpp"

namespace signalbox::cli {

struct ReplayArguments {
  LogSettings log;
  std::string user;  // empty: all

  // The options that each verb has.
  void add_to(CLI::App& app, const std::string& user_help) {
    log.add_to(app);
    app.add_option("--user", user, user_help)->check(not_empty());
  }
};

class ReplayConsole {
 public:
  explicit ReplayConsole(std::string verb);  // begins its messages

  // Takes how far it is, as goes_on() then shows it; that costs next to nothing, so that it may be
  // called for every record. False once it shall end.
  [[nodiscard]] replay::Watch watch(std::string_view unit);
  // For who waits: draws how far it was last, for how long; false once it shall end.
  [[nodiscard]] bool goes_on();
  // To standard output, in the place of the bar, which is not drawn into a line that is not whole
  // yet; false once nothing arrives any more, which finish() tells: nobody reads it, or what it
  // goes to is full.
  bool write(std::string_view text);
  // Sleeps, once what was written before has arrived; false: it shall end.
  [[nodiscard]] bool sleep_until(std::chrono::steady_clock::time_point when);
  // A sentence beside the result, to standard error.
  void note(const std::string& sentence);
  // Says what went wrong and gives the exit code for it.
  int refuse(const Error& error);
  // kExitOk once all that was written has arrived, or nobody wanted it; else says why it has not.
  int finish();

 private:
  using Clock = std::chrono::steady_clock;

  void flush();

  const std::string verb_;
  ShutdownSignal signal_;
  Clock::time_point next_look_{};  // at the signal
  replay::Progress progress_{};
  std::string_view unit_;
  const bool is_on_terminal_;    // standard output, where a bar would stand on the same line
  bool is_within_line_ = false;  // where what was written last ended
  ProgressBar bar_;
  int unwritten_ = 0;  // the first errno of standard output
};

// What a verb does once its settings are read; the exit code.
template <class Arguments>
int read_and_run(Arguments& arguments, const char* verb, int (*run)(const Arguments&)) {
  const auto wanted = arguments.log.read();
  if (!wanted) return ReplayConsole(verb).refuse(wanted.error());
  return *wanted ? run(arguments) : kExitOk;
}

// The user the arguments name, none for all. Error: bad_field.
[[nodiscard]] Result<std::optional<UserId>> user_of(const ReplayArguments& arguments);

}  // namespace signalbox::cli
