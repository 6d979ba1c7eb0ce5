// Watch: the golden-path monitor: a probe every interval, judged over a window. One probe is under
// way at a time; the moments that pass meanwhile are left out.
// Lifetime: until stop() or destruction, after which it calls nobody. Thread: that of the
// io_context.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "event-store/model/clock.hpp"
#include "event-store/model/random.hpp"
#include "event-store/model/result.hpp"
#include "ops/watch/judge.hpp"
#include "ops/watch/probe.hpp"

namespace signalbox::watch {

struct WatchPlan {
  ProbeOptions probe;
  JudgeOptions judge;
  std::chrono::milliseconds interval{10'000};  // from the start of a probe to that of the next
};

class Watch {
 public:
  // A token that is good now; asked for before every probe.
  using TokenSource = std::function<Result<std::string>()>;
  // After every probe. May call stop().
  using Told = std::function<void(const ProbeReport&, const Standing&)>;

  // Clock and random outlive it.
  Watch(asio::io_context& io, const Clock& clock, Random& random, WatchPlan plan,
        TokenSource tokens, Told told);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void start();
  void stop();

 private:
  void begin_probe();
  void on_done(const ProbeReport& report);
  // Of this watch, this moment and this probe: no two probes share one.
  [[nodiscard]] ProbeMessage next_message();

  asio::io_context& io_;
  const Clock& clock_;
  const WatchPlan plan_;
  const TokenSource tokens_;
  const Told told_;
  const std::string name_;
  Judge judge_;
  asio::steady_timer timer_;
  std::chrono::steady_clock::time_point due_{};
  std::uint64_t probes_ = 0;
  std::unique_ptr<Probe> probe_;
  bool stopped_ = false;
};

}  // namespace signalbox::watch
