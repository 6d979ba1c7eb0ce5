// TokenBucket: so many a second on average, and a burst at once. Not safe for several threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "event-store/model/clock.hpp"

namespace signalbox::gateway {

struct BucketRate {
  std::int64_t per_second;  // at least 1
  std::int64_t burst;       // at least 1
};

class TokenBucket {
 public:
  // Full.
  TokenBucket(const BucketRate& rate, MonotonicTime now)
      : rate_(rate), tokens_(static_cast<double>(rate.burst)), at_(now) {}

  // What it has by now stays, as far as the new burst reaches.
  void replace_rate(const BucketRate& rate, MonotonicTime now) {
    fill(now);
    rate_ = rate;
    fill(now);
  }
  [[nodiscard]] bool take(MonotonicTime now) {
    fill(now);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // Until take() succeeds again, if nobody else takes; rounded up.
  [[nodiscard]] std::chrono::milliseconds wait(MonotonicTime now) {
    fill(now);
    const double seconds = std::max(0.0, (1 - tokens_) / static_cast<double>(rate_.per_second));
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
  }
  [[nodiscard]] bool is_full(MonotonicTime now) {
    fill(now);
    return tokens_ >= static_cast<double>(rate_.burst);
  }

 private:
  void fill(MonotonicTime now) {
    const double seconds = std::chrono::duration<double>(now - at_).count();
    tokens_ = std::min(static_cast<double>(rate_.burst),
                       tokens_ + seconds * static_cast<double>(rate_.per_second));
    at_ = now;
  }

  BucketRate rate_;
  double tokens_;
  MonotonicTime at_;
};

}  // namespace signalbox::gateway
