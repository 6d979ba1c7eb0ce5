// ProgressBar: one line on a terminal that says how far something is, drawn over itself: first when
// it has lasted a second, then at most four times a second. Thread: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string_view>

namespace signalbox::cli {

class ProgressBar {
 public:
  // Not `enabled` (no terminal): nothing is ever drawn.
  ProgressBar(std::ostream& out, bool enabled);
  ~ProgressBar();  // ends the line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `unit` as in "12/40 messages"; `rest` stands behind the time.
  void show(std::int64_t done, std::int64_t total, std::string_view unit,
            std::string_view rest = {});
  // Ends the line, if there is one; the next show() begins another.
  void end();
  // Takes it away, so that something else can stand there; the next show() draws it again.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;

  std::ostream& out_;
  const bool enabled_;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point next_draw_;
  bool is_drawn_ = false;
};

}  // namespace signalbox::cli
