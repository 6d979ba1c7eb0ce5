#include "ops/watch/judge.hpp"

#include <algorithm>

namespace signalbox::watch {

void Judge::add(MonotonicTime at, bool succeeded) {
  while (!ended_.empty() && at - ended_.front().at >= options_.window) ended_.pop_front();
  ended_.push_back({at, succeeded});
}

Standing Judge::standing(MonotonicTime now) {
  while (!ended_.empty() && now - ended_.front().at >= options_.window) ended_.pop_front();
  const auto succeeded = static_cast<std::size_t>(
      std::ranges::count_if(ended_, [](const Ended& probe) { return probe.succeeded; }));
  Standing standing{ended_.size(), succeeded, Verdict::undecided};
  if (now - started_ < options_.window || standing.probes < options_.probes_min) return standing;
  const auto percent_min = static_cast<std::size_t>(options_.success_percent_min);
  standing.verdict =
      succeeded * 100 < percent_min * standing.probes ? Verdict::broken : Verdict::healthy;
  return standing;
}

}  // namespace signalbox::watch
