#include "ops/cli/lag_watch.hpp"

#include <algorithm>
#include <set>

namespace signalbox::cli {
namespace {

constexpr int kRoundsGood = 3;  // an older answer is none

prometheus::Family<prometheus::Gauge>& family(prometheus::Registry& registry, const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

// The gauge of that key, made where there is none; or removed where there is no value.
template <class Gauges, class Key>
void set(prometheus::Family<prometheus::Gauge>& of, Gauges& gauges, const Key& key,
         const std::string& role, std::optional<std::int64_t> value) {
  const auto found = gauges.find(key);
  if (value) {
    prometheus::Gauge* const gauge =
        found != gauges.end()
            ? found->second
            : &of.Add({{"role", role}, {"partition", std::to_string(key.second.value())}});
    gauges[key] = gauge;
    return gauge->Set(static_cast<double>(*value));
  }
  if (found == gauges.end()) return;
  of.Remove(found->second);
  gauges.erase(found);
}

}  // namespace

LagWatch::LagWatch(event_store::EventLog& log, const Clock& clock, RoleThread& thread,
                   prometheus::Registry& registry, std::vector<Part> parts, LagWatchOptions options)
    : log_(log),
      clock_(clock),
      thread_(thread),
      parts_(std::move(parts)),
      options_(options),
      owned_(
          family(registry, "signalbox_partition_owned", "1 for each partition this process holds")),
      lags_(family(registry, "signalbox_partition_lag_records",
                   "Records in the log that were not taken; absent where it is not known")),
      answered_at_(clock.monotonic()) {
  thread_.post([this] { look(); });
}

LagWatch::~LagWatch() {
  stopping_ = true;
  thread_.run([this] { thread_.cancel(timer_); });
}

std::optional<std::int64_t> LagWatch::lag(const TopicPartition& at,
                                          std::optional<Offset> next) const {
  const std::lock_guard lock(mutex_);
  const auto found = bounds_.find(at);
  if (!next || found == bounds_.end() ||
      clock_.monotonic() - found->second.asked_at > kRoundsGood * options_.interval)
    return std::nullopt;
  const event_store::LogBounds& bounds = found->second.of;
  return std::max<std::int64_t>(0, bounds.end.value() - std::max(*next, bounds.first).value());
}

std::chrono::milliseconds LagWatch::silence() const {
  const std::lock_guard lock(mutex_);
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - answered_at_);
}

void LagWatch::look() {
  if (stopping_) return;
  ask_bounds();
  show();
  timer_ = thread_.call_at(clock_.monotonic() + options_.interval, [this] { look(); });
}

std::vector<TopicPartition> LagWatch::places() const {
  std::vector<TopicPartition> places;
  for (const Part& part : parts_)
    for (const auto& [partition, place] : part.places()) places.push_back({part.topic, partition});
  if (!places.empty()) return places;
  const auto partitions = static_cast<std::size_t>(log_.describe().partitions);
  return {{Topic::events, Partition(static_cast<std::int32_t>(asked_first_ % partitions))}};
}

void LagWatch::ask_bounds() {
  const std::vector<TopicPartition> places = this->places();
  const MonotonicTime until = clock_.monotonic() + options_.round;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (stopping_ || clock_.monotonic() >= until) return;
    const TopicPartition& at = places[asked_first_++ % places.size()];
    const auto bounds = log_.bounds(at);
    if (!bounds) continue;
    const std::lock_guard lock(mutex_);
    answered_at_ = clock_.monotonic();
    bounds_.insert_or_assign(at, Bounds{*bounds, answered_at_});
  }
}

void LagWatch::show() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    const auto given = part.places();
    std::set<Partition> shown;
    for (const auto* const gauges : {&owned_gauges_, &lag_gauges_})
      for (const auto& [key, gauge] : *gauges)
        if (key.first == i) shown.insert(key.second);
    for (const Partition partition : shown) {
      if (given.contains(partition)) continue;
      set(owned_, owned_gauges_, std::pair(i, partition), part.role, std::nullopt);
      set(lags_, lag_gauges_, std::pair(i, partition), part.role, std::nullopt);
    }
    for (const auto& [partition, place] : given) {
      set(owned_, owned_gauges_, std::pair(i, partition), part.role,
          place.is_owned ? std::optional(1) : std::nullopt);
      set(lags_, lag_gauges_, std::pair(i, partition), part.role,
          lag({part.topic, partition}, place.next));
    }
  }
}

}  // namespace signalbox::cli
