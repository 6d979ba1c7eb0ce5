// LogLines: what the program writes into its log while this lives, for tests of what stands there
// and what must not. Made and destroyed while no other thread writes into the log.
#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace signalbox::test_support {

class LogLines {
 public:
  explicit LogLines(spdlog::level::level_enum level = spdlog::level::trace)
      : sink_(std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_)) {
    sink_->set_level(level);
    spdlog::default_logger()->sinks().push_back(sink_);
  }
  ~LogLines() { std::erase(spdlog::default_logger()->sinks(), sink_); }
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;

  // While no other thread writes.
  [[nodiscard]] std::string text() const { return lines_.str(); }

 private:
  std::ostringstream lines_;
  spdlog::sink_ptr sink_;
};

}  // namespace signalbox::test_support
