#include "ops/watch/rollback.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/support/no_descriptors.hpp"

namespace signalbox::watch {
namespace {

using namespace std::chrono_literals;

std::string content_of(const std::string& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(Rollback, GivesTheExitCodeOfAShellsCommandLine) {
  EXPECT_EQ(*run_rollback("true && exit 7", 30s), 7);
  EXPECT_EQ(*run_rollback("kill -9 $$", 30s), 128 + SIGKILL);
}

TEST(Rollback, GivesTheExitCodeThoughThisProcessWasStartedWithoutSigchld) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(*run_rollback("exit 7", 30s), 7);
  std::signal(SIGCHLD, before);
}

TEST(Rollback, EndsACommandThatTakesTooLongWithAllThatItStarted) {
  const std::string file = ::testing::TempDir() + "rollback_" + std::to_string(getpid());
  const auto done =
      run_rollback("sleep 1000 & echo $! > " + file + "; while :; do sleep 1; done", 3s);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("did not end within 3000 ms"), std::string::npos);
  const int sleeper = std::stoi(content_of(file));
  // Whoever inherits it reaps it some time; until then it is a zombie.
  std::string state;
  for (int i = 0; i < 3000; ++i) {
    state = content_of("/proc/" + std::to_string(sleeper) + "/stat");
    if (state.empty() || state.find(") Z ") != std::string::npos) break;
    usleep(10'000);
  }
  EXPECT_TRUE(state.empty() || state.find(") Z ") != std::string::npos) << state;
  std::remove(file.c_str());
}

TEST(Rollback, WhatItStartsCanBeStoppedThoughThisProcessBlocksTheSignal) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  EXPECT_EQ(*run_rollback("kill -TERM $$; exit 0", 30s), 128 + SIGTERM);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(Rollback, ReadsNothingAndInheritsNoDescriptorOfThisProcess) {
  EXPECT_EQ(*run_rollback("exec test \"$(readlink /proc/$$/fd/0)\" = /dev/null", 30s), 0);
  const int ours = dup(STDERR_FILENO);
  ASSERT_GT(ours, STDERR_FILENO);
  const std::string theirs = "/proc/$$/fd/" + std::to_string(ours);
  EXPECT_EQ(*run_rollback("if [ -e " + theirs + " ]; then exit 9; fi", 30s), 0);
  close(ours);
}

TEST(Rollback, RunsToItsEndWhereThisProcessHasNoDescriptorLeft) {
  const test_support::NoDescriptors none;
  EXPECT_EQ(*run_rollback("sleep 0.1; exit 7", 30s), 7);
}

TEST(Rollback, KeepsTheEnvironmentButForTheSettingsOfTheWatch) {
  setenv("SIGNALBOX_WATCH_URL", "ws://127.0.0.1:1/ws", 1);
  setenv("SIGNALBOX_DATA", "box", 1);
  EXPECT_EQ(*run_rollback("test \"$SIGNALBOX_WATCH_URL$SIGNALBOX_DATA\" = box", 30s), 0);
  unsetenv("SIGNALBOX_WATCH_URL");
  unsetenv("SIGNALBOX_DATA");
}

}  // namespace
}  // namespace signalbox::watch
