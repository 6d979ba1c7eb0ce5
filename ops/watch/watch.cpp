#include "ops/watch/watch.hpp"

#include <utility>

#include "event-store/model/timestamp.hpp"

namespace signalbox::watch {

Watch::Watch(asio::io_context& io, const Clock& clock, Random& random, WatchPlan plan,
             TokenSource tokens, Told told)
    : io_(io),
      clock_(clock),
      plan_(std::move(plan)),
      tokens_(std::move(tokens)),
      told_(std::move(told)),
      name_("signalbox-watch-" + random.uuid().to_string()),
      judge_(plan_.judge, clock.monotonic()),
      timer_(io) {}

void Watch::start() {
  due_ = std::chrono::steady_clock::now();
  begin_probe();
}

void Watch::stop() {
  stopped_ = true;
  timer_.cancel();
  probe_.reset();
}

ProbeMessage Watch::next_message() {
  const std::string now = signalbox::to_text(clock_.now());
  // A thread of its own per day stays short, and the runs of people are in none of them.
  return {.message_id = name_ + "-" + std::to_string(++probes_),
          .thread_id = "signalbox-watch-" + now.substr(0, now.find('T'))};
}

void Watch::begin_probe() {
  probe_ = std::make_unique<Probe>(io_, clock_, plan_.probe, next_message(),
                                   [this](const ProbeReport& report) {
                                     if (!stopped_) on_done(report);
                                   });
  probe_->start(tokens_());
}

void Watch::on_done(const ProbeReport& report) {
  probe_.reset();
  const MonotonicTime now = clock_.monotonic();
  judge_.add(now, !report.failure);
  told_(report, judge_.standing(now));
  if (stopped_) return;
  do due_ += plan_.interval;
  while (due_ < std::chrono::steady_clock::now());
  timer_.expires_at(due_);
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error && !stopped_) begin_probe();
  });
}

}  // namespace signalbox::watch
