#include "ops/watch/judge.hpp"

#include <gtest/gtest.h>

namespace signalbox::watch {
namespace {

using namespace std::chrono_literals;

// A clock that is set by hand, and a judge that started with it.
class JudgeTest : public ::testing::Test {
 protected:
  void probes(int count, bool succeeded, std::chrono::milliseconds apart = 1s) {
    for (int i = 0; i < count; ++i) {
      now_ += apart;
      judge_.add(now_, succeeded);
    }
  }
  Verdict verdict() { return judge_.standing(now_).verdict; }

  MonotonicTime now_{1'000'000s};
  Judge judge_{{.window = 100s, .success_percent_min = 95, .probes_min = 3}, now_};
};

TEST_F(JudgeTest, SaysNothingBeforeAWholeWindowHasPassed) {
  probes(99, false);
  EXPECT_EQ(verdict(), Verdict::undecided);
  probes(1, false);
  EXPECT_EQ(verdict(), Verdict::broken);
}

TEST_F(JudgeTest, SaysNothingOfTooFewProbes) {
  probes(2, false, 50s);
  EXPECT_EQ(verdict(), Verdict::undecided);
  now_ += 50s;
  judge_.add(now_, false);
  EXPECT_EQ(judge_.standing(now_).probes, 2u);
  EXPECT_EQ(verdict(), Verdict::undecided);
  probes(1, false, 1s);
  EXPECT_EQ(verdict(), Verdict::broken);
}

TEST_F(JudgeTest, NinetyFiveOfAHundredAreEnoughAndNinetyFourAreNot) {
  probes(5, false);
  probes(95, true);
  EXPECT_EQ(judge_.standing(now_).probes, 100u);
  EXPECT_EQ(verdict(), Verdict::healthy);
  probes(94, true);
  probes(6, false);
  EXPECT_EQ(judge_.standing(now_).succeeded, 94u);
  EXPECT_EQ(verdict(), Verdict::broken);
}

TEST_F(JudgeTest, OneOfSixIsBelowNinetyFivePercent) {
  Judge judge({.window = 60s, .success_percent_min = 95, .probes_min = 3}, now_);
  for (int i = 1; i <= 6; ++i) {
    now_ += 10s;
    judge.add(now_, i != 3);
  }
  const Standing standing = judge.standing(now_);
  EXPECT_EQ(standing.probes, 6u);
  EXPECT_EQ(standing.verdict, Verdict::broken);
  EXPECT_NEAR(standing.success_ratio(), 5.0 / 6, 1e-9);
}

TEST_F(JudgeTest, ForgetsAProbeWhenTheWindowHasPassedIt) {
  probes(6, false);
  probes(100, true);
  EXPECT_EQ(judge_.standing(now_).probes, 100u);
  EXPECT_EQ(verdict(), Verdict::healthy);
  now_ += 99s;
  EXPECT_EQ(judge_.standing(now_).probes, 1u);
  now_ += 1s;
  EXPECT_EQ(judge_.standing(now_).probes, 0u);
  EXPECT_EQ(judge_.standing(now_).success_ratio(), 1.0);
  EXPECT_EQ(verdict(), Verdict::undecided);
}

}  // namespace
}  // namespace signalbox::watch
