#include "tests/support/simulated_scheduler.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace signalbox::test_support {
namespace {

using std::chrono::seconds;

TEST(SimulatedScheduler, TasksOfOneExecutorRunInTheOrderTheyWerePosted) {
  SimulatedScheduler scheduler;
  Executor& executor = scheduler.make_executor("a");
  std::string ran;
  for (const char c : {'1', '2', '3'}) executor.post([&ran, c] { ran += c; });
  EXPECT_EQ(ran, "");
  EXPECT_EQ(scheduler.run_until_idle(), 3u);
  EXPECT_EQ(ran, "123");
}

std::string interleaving(SchedulerOptions options) {
  SimulatedScheduler scheduler(options);
  Executor& a = scheduler.make_executor("a");
  Executor& b = scheduler.make_executor("b");
  std::string ran;
  for (int i = 0; i < 16; ++i) {
    a.post([&ran] { ran += 'a'; });
    b.post([&ran] { ran += 'b'; });
  }
  scheduler.run_until_idle();
  return ran;
}

TEST(SimulatedScheduler, ASeedReplaysTheSameInterleaving) {
  EXPECT_EQ(interleaving({.seed = 7}), interleaving({.seed = 7}));
  EXPECT_NE(interleaving({.seed = 7}), interleaving({.seed = 8}));
}

TEST(SimulatedScheduler, FifoIsTheOrderOfPosting) {
  EXPECT_EQ(interleaving({.seed = 7, .fifo = true}), "abababababababababababababababab");
}

TEST(SimulatedScheduler, TimersRunAtTheirOwnTimeWhileTimeAdvances) {
  SimulatedScheduler scheduler;
  Executor& executor = scheduler.make_executor("a");
  const MonotonicTime start = scheduler.clock().monotonic();
  std::vector<MonotonicTime::duration> times;
  for (const int at : {3, 1, 2})
    executor.call_at(start + seconds(at),
                     [&] { times.push_back(scheduler.clock().monotonic() - start); });
  scheduler.run_until_idle();
  EXPECT_TRUE(times.empty());
  scheduler.advance(seconds(2));
  EXPECT_EQ(times, (std::vector<MonotonicTime::duration>{seconds(1), seconds(2)}));
  EXPECT_EQ(scheduler.clock().monotonic() - start, seconds(2));
}

TEST(SimulatedScheduler, ACancelledTimerDoesNotRunEvenWhenItIsDue) {
  SimulatedScheduler scheduler({.fifo = true});
  Executor& executor = scheduler.make_executor("a");
  const MonotonicTime when = scheduler.clock().monotonic() + seconds(1);
  bool ran = false;
  TimerId later{};
  executor.call_at(when, [&] { executor.cancel(later); });
  later = executor.call_at(when, [&] { ran = true; });
  scheduler.advance(seconds(5));
  EXPECT_FALSE(ran);
}

TEST(SimulatedScheduler, APausedExecutorCatchesUpAndAStoppedOneNeverDoes) {
  SimulatedScheduler scheduler;
  Executor& paused = scheduler.make_executor("paused");
  Executor& dead = scheduler.make_executor("dead");
  int ran = 0;
  scheduler.pause(paused);
  paused.post([&] { ++ran; });
  dead.post([&] { ran += 100; });
  scheduler.stop(dead);
  dead.post([&] { ran += 100; });
  scheduler.run_until_idle();
  EXPECT_EQ(ran, 0);
  scheduler.resume(paused);
  scheduler.run_until_idle();
  EXPECT_EQ(ran, 1);
}

TEST(SimulatedScheduler, RunUntilMovesTimeOnlyAsFarAsNeeded) {
  SimulatedScheduler scheduler;
  bool done = false;
  const MonotonicTime start = scheduler.clock().monotonic();
  scheduler.call_after(seconds(30), [&] { done = true; });
  EXPECT_FALSE(scheduler.run_until([&] { return done; }, seconds(29)));
  EXPECT_TRUE(scheduler.run_until([&] { return done; }, seconds(31)));
  EXPECT_EQ(scheduler.clock().monotonic() - start, seconds(30));
}

}  // namespace
}  // namespace signalbox::test_support
