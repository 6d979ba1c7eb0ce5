// A router that is destroyed while something of it is still on its executor's queue.
#include <gtest/gtest.h>

#include "router/router.hpp"
#include "tests/agents/test_agents.hpp"
#include "tests/snapshot/memory_snapshot_store.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::router {
namespace {

using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

// Drains a router that owns two partitions, takes it away after `tasks` more tasks and runs what
// it left behind. Whether it had been said to be drained, and whether it was said afterwards.
struct End {
  bool before = false;
  bool after = false;
};
End destroy_after(int tasks) {
  SimulatedScheduler scheduler({.seed = 1, .fifo = true});
  SimulatedEventLog log(scheduler, {.partitions = 2});
  event_store::MemorySnapshotStore snapshots;
  Random random(1);
  AgentRegistry agents;
  agents.add(std::make_unique<testing::EchoAgent>());
  Executor& executor = scheduler.make_executor("router");
  const auto session = log.open_session();
  auto router = std::make_unique<Router>(
      RouterServices{*session, snapshots, scheduler.clock(), executor, random, agents},
      RouterOptions{}, [](const Error& error) { ADD_FAILURE() << error.message; });
  scheduler.run_on(executor, [&] { router->start(); });
  EXPECT_TRUE(scheduler.run_until([&] { return router->not_ready().empty(); }));
  const auto drained = std::make_shared<bool>(false);
  scheduler.run_on(executor, [&] { router->drain([drained] { *drained = true; }); });
  for (int i = 0; i < tasks && scheduler.step(); ++i) continue;
  End end{.before = *drained};
  scheduler.run_on(executor, [&] { router.reset(); });
  scheduler.advance(std::chrono::minutes(1));
  end.after = *drained;
  return end;
}

TEST(RouterEnd, ItMayBeDestroyedAtEveryMomentOfADrain) {
  int too_early = 0;
  int drained = 0;
  for (int tasks = 0; tasks < 40; ++tasks) {
    const End end = destroy_after(tasks);
    EXPECT_EQ(end.before, end.after) << "after " << tasks << " tasks: nobody is left to say so";
    ++(end.before ? drained : too_early);
  }
  EXPECT_GT(too_early, 3);
  EXPECT_GT(drained, 3);
}

}  // namespace
}  // namespace signalbox::router
