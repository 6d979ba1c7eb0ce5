#include "gateway/inbound_lag.hpp"

#include <algorithm>

namespace signalbox::gateway {
namespace {

// The age is known to within this; marks of a stuck partition stay few.
constexpr std::chrono::milliseconds kMarkEvery{250};
constexpr std::size_t kMarksMax = 1024;

}  // namespace

InboundLag::InboundLag(const InboundLagLimits& limits, std::int32_t partitions)
    : records_max_(limits.records_max), age_max_(limits.age_max) {
  for (std::int32_t i = 0; i < partitions; ++i) states_.push_back(std::make_unique<State>());
}

void InboundLag::replace_limits(const InboundLagLimits& limits) {
  records_max_ = limits.records_max;
  age_max_ = limits.age_max;
}

void InboundLag::judge_from(Partition partition, Offset end) {
  State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  state.judged = true;
  state.covered = end.value() - 1;
  state.acked = std::max(state.acked, state.covered);
  state.forget_covered_marks();
}

void InboundLag::forget(Partition partition) {
  State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  state.judged = state.overloaded = state.covered_known = false;
}

void InboundLag::State::forget_covered_marks() {
  while (!marks.empty() && marks.front().offset <= covered) marks.pop_front();
}

InboundLag::State& InboundLag::at(Partition partition) const {
  return *states_[static_cast<std::size_t>(partition.value())];
}

bool InboundLag::note_acked(Partition partition, Offset offset, MonotonicTime now) {
  State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  state.acked = std::max(state.acked, offset.value());
  if (offset.value() <= state.covered) return state.judged;
  const bool far = state.marks.empty() || now - state.marks.back().at >= kMarkEvery;
  if (far && state.marks.size() < kMarksMax) state.marks.push_back({offset.value(), now});
  return state.judged;
}

void InboundLag::note_covered(Partition partition, Offset offset) {
  State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  // The first event tells what was only assumed, and may tell less.
  state.covered = state.covered_known ? std::max(state.covered, offset.value()) : offset.value();
  state.covered_known = true;
  state.acked = std::max(state.acked, state.covered);
  state.forget_covered_marks();
}

InboundLag::Lag InboundLag::measure(const State& state, MonotonicTime now) const {
  if (!state.judged) return {};
  Lag lag{state.acked - state.covered};
  if (!state.marks.empty())
    lag.age = std::chrono::floor<std::chrono::milliseconds>(now - state.marks.front().at);
  return lag;
}

bool InboundLag::judge(State& state, MonotonicTime now) {
  const Lag lag = measure(state, now);
  const int share = state.overloaded ? 2 : 1;
  state.overloaded =
      lag.records * share >= records_max_.load() || lag.age * share >= age_max_.load();
  return state.overloaded;
}

bool InboundLag::is_overloaded(Partition partition, MonotonicTime now) {
  State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  return judge(state, now);
}

InboundLag::Lag InboundLag::lag(Partition partition, MonotonicTime now) const {
  const State& state = at(partition);
  const std::lock_guard lock(state.mutex);
  return measure(state, now);
}

InboundLag::Lag InboundLag::worst(MonotonicTime now) const {
  Lag worst;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Lag one = lag(Partition(static_cast<std::int32_t>(i)), now);
    worst.records = std::max(worst.records, one.records);
    worst.age = std::max(worst.age, one.age);
  }
  return worst;
}

std::vector<std::string> InboundLag::reasons(MonotonicTime now) {
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Partition partition(static_cast<std::int32_t>(i));
    if (!is_overloaded(partition, now)) continue;
    const Lag behind = lag(partition, now);
    reasons.push_back("partition " + std::to_string(i) + ": overloaded, the router is " +
                      std::to_string(behind.records) + " records and " +
                      std::to_string(behind.age.count()) + " ms behind");
  }
  return reasons;
}

}  // namespace signalbox::gateway
