// Percentiles of measured values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace signalbox::bench {

// The value below which `percent` of the samples lie (nearest rank); 0 of none.
template <class T>
[[nodiscard]] T percentile(std::vector<T> samples, double percent) {
  if (samples.empty()) return T{};
  const auto rank = static_cast<std::size_t>(percent / 100.0 * static_cast<double>(samples.size()));
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(std::min(rank, samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

}  // namespace signalbox::bench
