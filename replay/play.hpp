// play: a user's events once more, as the frames a client of signalbox.v1 got, paced as it
// happened. Thread: one; between two frames nothing of the log is held.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "replay/state.hpp"
#include "replay/valid_events.hpp"

namespace signalbox::replay {

struct PlayOptions {
  Instant from{};                 // the first seq, or the first ce_time, that is played
  std::optional<double> speed{};  // times as fast as it happened; none: without waiting
};

struct PlaySink {
  // Waits until so long after the first frame; false: it shall end.
  std::function<bool(std::chrono::microseconds)> wait_until;
  // One frame; false: nobody reads any more.
  std::function<bool(std::string_view)> write;
};

// `events`: of this user, from his first one.
[[nodiscard]] Result<void> play(ValidEvents& events, const LogId& log, const UserId& user,
                                const PlayOptions& options, const PlaySink& sink);

}  // namespace signalbox::replay
