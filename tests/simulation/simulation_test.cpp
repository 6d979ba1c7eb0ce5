// What the simulation is worth: the same seed is the same history, what can go wrong does, and a
// defence that is taken away is missed.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <string>

#include "event-store/log/validity_fold.hpp"
#include "tests/simulation/cluster.hpp"
#include "tests/simulation/defences.hpp"

namespace signalbox::simulation {
namespace {

class Simulation : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};

TEST_F(Simulation, TheSameSeedIsTheSameHistory) {
  const std::uint64_t trace = simulate(7).trace.value();
  EXPECT_EQ(simulate(7).trace.value(), trace);
  EXPECT_NE(simulate(8).trace.value(), trace);
}

// A history in which nothing went wrong would show nothing.
TEST_F(Simulation, WhatCanGoWrongDoes) {
  std::map<std::string, std::int64_t, std::less<>> met;
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    for (const auto& [name, count] : simulate(seed).met) met[name] += count;
  for (const char* const name : {"verdict valid",
                                 "verdict duplicate",
                                 "verdict superseded",
                                 "verdict hole",
                                 "verdict control",
                                 "verdict ignored",
                                 "event message_duplicate",
                                 "event run_resumed",
                                 "event agent_cancelled",
                                 "event run_input_received",
                                 "tool called again",
                                 "call seen by the witness",
                                 "statement sent again",
                                 "error log_unavailable",
                                 "error cursor_invalid",
                                 "closed abnormal",
                                 "closed heartbeat_lost",
                                 "closed draining",
                                 "resume on a live socket",
                                 "client gave a connection up",
                                 "changed event was noticed",
                                 "ack of an answer",
                                 "ack of a cancel",
                                 "rejected malformed",
                                 "rejected poison",
                                 "failed deadline",
                                 "failed attempts_exhausted",
                                 "unusable command of nobody",
                                 "append lost",
                                 "append lost, never answered",
                                 "append landed, never answered",
                                 "append landed, reported failed",
                                 "append landed late, reported failed",
                                 "append landed twice, reported failed",
                                 "read before the newest records",
                                 "caught up before the newest records",
                                 "tail failed",
                                 "group commit cut off",
                                 "log away",
                                 "wall clock jumped",
                                 "crash loop",
                                 "router killed",
                                 "router killed in a commit",
                                 "router paused",
                                 "router paused past its session",
                                 "router drained",
                                 "snapshots lost",
                                 "gateway killed",
                                 "gateway paused",
                                 "gateway cut off",
                                 "client cut off",
                                 "client takes nothing",
                                 "connection half open",
                                 "gateway drained",
                                 "partition given to two",
                                 "assignment late",
                                 "assignment missing"})
    EXPECT_GT(met[name], 0) << name;
}

class WithoutADefence : public ::testing::TestWithParam<Defence> {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
  void SetUp() override { turn_off(GetParam()); }
  void TearDown() override { turn_off(std::nullopt); }
};

TEST_P(WithoutADefence, ACheckerNotices) {
  constexpr std::uint64_t kSeedsMax = 30;
  std::uint64_t seed = 1;
  while (seed <= kSeedsMax && simulate(seed).violations.empty()) ++seed;
  EXPECT_LE(seed, kSeedsMax) << to_text(GetParam()) << " is not missed";
}

INSTANTIATE_TEST_SUITE_P(Each, WithoutADefence, ::testing::ValuesIn(kDefences),
                         [](const auto& defence) {
                           std::string name(to_text(defence.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace signalbox::simulation
