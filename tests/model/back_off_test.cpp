#include "event-store/model/back_off.hpp"

#include <gtest/gtest.h>

#include <set>

namespace signalbox {
namespace {

TEST(BackOff, WaitsLongerUpToItsLimitEachTimeAnotherTimeAndShortlyAfterSuccess) {
  using std::chrono::milliseconds;
  constexpr milliseconds kFirst{100};
  constexpr milliseconds kMost{10'000};
  Random random(1);
  BackOff back_off(random, kFirst, kMost);
  milliseconds last = kFirst;
  std::set<milliseconds> waits;
  milliseconds longest{0};
  for (int i = 0; i < 1000; ++i) {
    const milliseconds wait = back_off.next();
    EXPECT_GE(wait, kFirst);
    EXPECT_LE(wait, std::min(kMost, 3 * last));
    last = wait;
    longest = std::max(longest, wait);
    waits.insert(wait);
  }
  EXPECT_GT(longest, kMost / 2);
  EXPECT_GT(waits.size(), 100U);
  back_off.reset();
  EXPECT_LE(back_off.next(), 3 * kFirst);
}

}  // namespace
}  // namespace signalbox
