#include "ops/cli/shutdown_signal.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

namespace signalbox::cli {
namespace {

using namespace std::chrono_literals;

// Who waits for readiness must not sleep through the reason to stop: it took ten seconds.
TEST(ShutdownSignal, SleepEndsWhenThereIsAReasonToStop) {
  ShutdownSignal shutdown;
  EXPECT_FALSE(shutdown.sleep(0ms));
  shutdown.fail({75, "try again"});
  EXPECT_TRUE(shutdown.sleep(1h));
  EXPECT_EQ(shutdown.wait([] { FAIL(); }).exit_code, 75);
}

TEST(ShutdownSignal, SleepEndsWithASignalAndLeavesItToWait) {
  ShutdownSignal shutdown;
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  EXPECT_TRUE(shutdown.sleep(1h));
  EXPECT_TRUE(shutdown.sleep(1h));
  EXPECT_EQ(shutdown.wait([] { FAIL(); }).exit_code, 0);
  EXPECT_FALSE(shutdown.sleep(0ms));
}

TEST(ShutdownSignal, WhileAFailureIsShownOnlyASignalEndsTheSleep) {
  ShutdownSignal shutdown;
  shutdown.fail({75, "try again"});
  const auto start = std::chrono::steady_clock::now();
  shutdown.sleep_until_signal(30ms);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  shutdown.sleep_until_signal(1h);
  EXPECT_EQ(shutdown.wait([] { FAIL(); }).exit_code, 75);
}

}  // namespace
}  // namespace signalbox::cli
