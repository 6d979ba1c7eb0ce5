#include "ops/watch/rollback.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

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

TEST(Rollback, EndsACommandThatTakesTooLongWithAllThatItStarted) {
  const std::string file = ::testing::TempDir() + "rollback_" + std::to_string(getpid());
  const auto done =
      run_rollback("sleep 1000 & echo $! > " + file + "; while :; do sleep 1; done", 200ms);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("did not end within 200 ms"), std::string::npos);
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

}  // namespace
}  // namespace signalbox::watch
