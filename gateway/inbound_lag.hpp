// InboundLag: how far the routers are behind what was acknowledged, by partition, from the log
// itself (contract 11): the last acknowledged offset of inbound against the newest ce_inboundoffset
// of a valid event, and how long the oldest record between the two has waited. A partition is
// overloaded from a limit on until the lag is below half of it. Only partitions whose events are
// read are judged; before the first event is read the lag counts from where inbound ended when the
// reading began. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "event-store/model/clock.hpp"
#include "event-store/model/ids.hpp"

namespace signalbox::gateway {

struct InboundLagLimits {
  std::int64_t records_max = 5'000;
  std::chrono::milliseconds age_max{30'000};
};

class InboundLag {
 public:
  struct Lag {
    std::int64_t records = 0;
    std::chrono::milliseconds age{0};
  };

  InboundLag(const InboundLagLimits& limits, std::int32_t partitions);

  // The partition's events are read from now on; its inbound ended at `end` before.
  void judge_from(Partition partition, Offset end);
  // They are not read any more.
  void forget(Partition partition);

  // False: the partition is not judged, since nobody reads it.
  [[nodiscard]] bool note_acked(Partition partition, Offset offset, MonotonicTime now);
  void note_covered(Partition partition, Offset offset);

  [[nodiscard]] bool is_overloaded(Partition partition, MonotonicTime now);
  [[nodiscard]] Lag lag(Partition partition, MonotonicTime now) const;
  // The greatest of all partitions, each figure for itself.
  [[nodiscard]] Lag worst(MonotonicTime now) const;
  // One line for each partition that is overloaded.
  [[nodiscard]] std::vector<std::string> reasons(MonotonicTime now);
  void replace_limits(const InboundLagLimits& limits);

 private:
  struct Mark {
    std::int64_t offset;
    MonotonicTime at;  // when it was acknowledged
  };
  struct State {
    mutable std::mutex mutex;
    std::int64_t acked = -1;    // newest
    std::int64_t covered = -1;  // newest
    bool covered_known = false;
    std::deque<Mark> marks;  // of what is not covered, some way apart
    void forget_covered_marks();
    bool judged = false;
    bool overloaded = false;
  };
  [[nodiscard]] Lag measure(const State& state, MonotonicTime now) const;
  bool judge(State& state, MonotonicTime now);
  [[nodiscard]] State& at(Partition partition) const;

  std::atomic<std::int64_t> records_max_;
  std::atomic<std::chrono::milliseconds> age_max_;
  std::vector<std::unique_ptr<State>> states_;
};

}  // namespace signalbox::gateway
