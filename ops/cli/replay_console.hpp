// ReplayConsole: what the verbs of `signalbox replay` share: the data directory they read, where
// their lines go, the bar on a terminal, and the end by Ctrl-C. Thread: main's.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "event-store/log/log_reader.hpp"
#include "ops/cli/progress_bar.hpp"
#include "ops/cli/shutdown_signal.hpp"
#include "replay/watch.hpp"

namespace signalbox::cli {

struct ReplayArguments {
  std::string data = "signalbox-data";
  std::string user;  // empty: all
};

class ReplayConsole {
 public:
  // `verb` begins its messages; `shows_lines`: it writes lines as it goes, which a bar would tear.
  ReplayConsole(std::string verb, bool shows_lines);

  // Draws how far it is; false once it shall end.
  [[nodiscard]] replay::Watch watch(std::string_view unit);
  // To standard output; false when nobody reads it any more.
  bool write(std::string_view text);
  // Sleeps, at most so long; false: it shall end.
  [[nodiscard]] bool sleep(std::chrono::milliseconds time) { return !signal_.sleep(time); }
  // The same up to that time, once what was written before has arrived.
  [[nodiscard]] bool sleep_until(std::chrono::steady_clock::time_point when);
  // A sentence beside the result, to standard error.
  void note(const std::string& sentence);
  // Says what went wrong and gives the exit code for it.
  int refuse(const Error& error);
  // kExitOk once all that was written has arrived, or nobody wanted it.
  int finish();

 private:
  const std::string verb_;
  ShutdownSignal signal_;
  ProgressBar bar_;
  bool is_read_ = true;
};

// The user the arguments name, none for all. Error: bad_field.
[[nodiscard]] Result<std::optional<UserId>> user_of(const ReplayArguments& arguments);

}  // namespace signalbox::cli
