#include "router/log_patience.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace signalbox::router {

std::chrono::milliseconds LogPatience::next(const Error& why) {
  if (!why_) spdlog::warn("partition {} waits for the log: {}", partition_.value(), why.message);
  wait_ = why_ ? std::min(2 * wait_, options_.most) : options_.first;
  why_ = why;
  return wait_ +
         std::chrono::milliseconds(random_.below(static_cast<std::uint64_t>(wait_.count()) + 1));
}

void LogPatience::over() {
  if (!why_) return;
  spdlog::info("partition {}: the log answers again", partition_.value());
  why_.reset();
}

}  // namespace signalbox::router
