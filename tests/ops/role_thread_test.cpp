#include "ops/cli/role_thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ops/cli/system_clock.hpp"

namespace signalbox::cli {
namespace {

using namespace std::chrono_literals;

TEST(RoleThread, RunsTasksInTheOrderOneThreadPostedThem) {
  RoleThread role("order");
  std::vector<int> ran;
  for (int i = 0; i < 1000; ++i) role.post([&ran, i] { ran.push_back(i); });
  ASSERT_TRUE(role.run([] {}));
  ASSERT_EQ(ran.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
}

TEST(RoleThread, HasItsNameAndKnowsItself) {
  RoleThread role("a-name-longer-than-fits");
  std::array<char, 16> name{};
  bool current = false;
  role.run([&] {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    current = role.is_current();
  });
  EXPECT_EQ(std::string(name.data()), "a-name-longer-t");
  EXPECT_TRUE(current);
  EXPECT_FALSE(role.is_current());
}

TEST(RoleThread, NeverRunsATaskInsidePost) {
  RoleThread role("post");
  std::string trace;
  role.run([&] {
    role.post([&] { trace += "inner"; });
    trace += "outer ";
  });
  role.run([] {});
  EXPECT_EQ(trace, "outer inner");
}

TEST(RoleThread, TimersRunByTimeAndThoseOfOneMomentAsTheyWereSet) {
  RoleThread role("timers");
  const SystemClock clock;
  std::string trace;
  std::promise<void> last;
  role.run([&] {
    const MonotonicTime now = clock.monotonic();
    role.call_at(now + 30ms, [&] { last.set_value(); });
    role.call_at(now + 20ms, [&] { trace += "c"; });
    role.call_at(now + 10ms, [&] { trace += "a"; });
    role.call_at(now + 10ms, [&] { trace += "b"; });
  });
  last.get_future().wait();
  role.stop();
  EXPECT_EQ(trace, "abc");
}

TEST(RoleThread, ATimerNeverRunsBeforeItsTime) {
  RoleThread role("early");
  const SystemClock clock;
  const MonotonicTime due = clock.monotonic() + 15ms;
  std::promise<MonotonicTime> ran;
  role.run([&] { role.call_at(due, [&] { ran.set_value(clock.monotonic()); }); });
  EXPECT_GE(ran.get_future().get(), due);
}

TEST(RoleThread, ACancelledTimerDoesNotRunEvenWhenItIsDue) {
  RoleThread role("cancel");
  const SystemClock clock;
  bool ran = false;
  std::promise<void> later;
  role.run([&] {
    const MonotonicTime now = clock.monotonic();
    // Both are due in the same round; the first takes the second away.
    auto second = std::make_shared<TimerId>(TimerId::none);
    role.call_at(now, [&role, second] { role.cancel(*second); });
    *second = role.call_at(now, [&] { ran = true; });
    role.call_at(now + 5ms, [&] { later.set_value(); });
  });
  later.get_future().wait();
  role.stop();
  EXPECT_FALSE(ran);
}

TEST(RoleThread, ATimerThatSetsItselfAgainLeavesRoomForTasks) {
  RoleThread role("again");
  const SystemClock clock;
  std::function<void()> again = [&] { role.call_at(clock.monotonic(), again); };
  role.run([&] { again(); });
  EXPECT_TRUE(role.run([] {}));
  role.stop();  // before what the timer refers to goes away
}

TEST(RoleThread, StopRunsWhatWasPostedBeforeAndDropsWhatComesLater) {
  RoleThread role("stop");
  const SystemClock clock;
  int ran = 0;
  bool timer_ran = false;
  std::promise<void> hold;
  role.run([&] { role.call_at(clock.monotonic() + 1h, [&] { timer_ran = true; }); });
  role.post([&] { hold.get_future().wait(); });
  role.post([&] { ++ran; });
  std::thread stopper([&] { role.stop(); });
  hold.set_value();
  stopper.join();
  role.post([&] { ++ran; });
  EXPECT_FALSE(role.run([&] { ++ran; }));
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(timer_ran);
  EXPECT_EQ(role.queued(), 0u);
}

TEST(RoleThread, TakesTasksFromManyThreadsWithoutLosingOne) {
  RoleThread role("many");
  int sum = 0;
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t)
    posters.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) role.post([&sum] { ++sum; });
    });
  for (auto& poster : posters) poster.join();
  role.run([] {});
  EXPECT_EQ(sum, 20000);
}

// post() woke the thread after it had let go of the lock; a task could end the wait of the one who
// destroys the thread before that. ThreadSanitizer sees it.
TEST(RoleThread, MayGoAsSoonAsTheLastTaskOfAnotherThreadHasRun) {
  for (int i = 0; i < 200; ++i) {
    RoleThread poster("poster");
    std::promise<void> ran;
    {
      RoleThread role("goes");
      poster.post([&] { role.post([&] { ran.set_value(); }); });
      ran.get_future().wait();
    }
  }
}

}  // namespace
}  // namespace signalbox::cli
