// LagWatch: how many records the parts of a process are behind, per partition: what is in the log
// and they have not taken. It asks every few seconds where the partitions begin and end that they
// were given, on a thread of its own, which may block; what nobody says in time is unknown, and
// told so. Where no part was given any it asks about one partition of events after the other, so
// that silence() says whether the log answers at all. Threads: made and destroyed by the wiring,
// outside of `thread`; lag() and silence() on any. Lifetime: log, clock, thread, registry and what
// the parts look at outlive it; its end waits for the question under way, at most as long as the
// log waits for a broker. Memory: a number per partition.
#pragma once

#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "ops/cli/role_thread.hpp"

namespace signalbox::cli {

struct LagWatchOptions {
  std::chrono::milliseconds interval{5'000};
  std::chrono::milliseconds round{2'000};  // for all of them; what is left is asked next time
};

class LagWatch {
 public:
  // Where a part stands in a partition.
  struct Place {
    bool is_owned;               // else it waits until it is
    std::optional<Offset> next;  // it takes; none: it does not know yet
  };
  struct Part {
    std::string role;                                    // `router`, `event_store`
    Topic topic;                                         // that it reads
    std::function<std::map<Partition, Place>()> places;  // that it was given. Any thread.
  };
  LagWatch(event_store::EventLog& log, const Clock& clock, RoleThread& thread,
           prometheus::Registry& registry, std::vector<Part> parts, LagWatchOptions options = {});
  ~LagWatch();
  LagWatch(const LagWatch&) = delete;
  LagWatch& operator=(const LagWatch&) = delete;

  // Of who takes `next` as its next record there, without what retention took; nullopt: unknown.
  [[nodiscard]] std::optional<std::int64_t> lag(const TopicPartition& at,
                                                std::optional<Offset> next) const;
  // For how long nothing has been answered, at most `interval` more than for how long nobody was
  // there to answer.
  [[nodiscard]] std::chrono::milliseconds silence() const;

 private:
  struct Bounds {
    event_store::LogBounds of;
    MonotonicTime asked_at;
  };
  void look();
  [[nodiscard]] std::vector<TopicPartition> places() const;
  void ask_bounds();
  void show();

  event_store::EventLog& log_;
  const Clock& clock_;
  RoleThread& thread_;
  const std::vector<Part> parts_;
  const LagWatchOptions options_;
  prometheus::Family<prometheus::Gauge>& owned_;
  prometheus::Family<prometheus::Gauge>& lags_;
  std::map<std::pair<std::size_t, Partition>, prometheus::Gauge*> owned_gauges_;  // own thread
  std::map<std::pair<std::size_t, Partition>, prometheus::Gauge*> lag_gauges_;    // the same
  std::size_t asked_first_ = 0;                                                   // the same
  TimerId timer_ = TimerId::none;                                                 // the same
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::map<TopicPartition, Bounds> bounds_;  // guarded by mutex_
  MonotonicTime answered_at_;                // the same
};

}  // namespace signalbox::cli
