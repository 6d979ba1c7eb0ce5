// Routers whose snapshots travel: whoever takes over folds what changed since, and no more.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "event-store/snapshot/travelling_snapshot_store.hpp"
#include "tests/router/router_on_log.hpp"

namespace signalbox::router {
namespace {

constexpr int kUsers = 40;

// The snapshots of one machine, on the log of all.
class Machine {
 public:
  Machine(RouterOnLog& router, const std::string& name) : thread_("standby") {
    auto opened = event_store::TravellingSnapshotStore::open(
        router.folder() + "/" + name + ".db", router.log(), thread_, clock_, random_, {});
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    thread_.run([this] { store_->start(); });
  }
  ~Machine() {
    thread_.run([this] { store_.reset(); });
    thread_.stop();
  }
  [[nodiscard]] event_store::TravellingSnapshotStore& store() { return *store_; }
  [[nodiscard]] bool has(const std::string& key) {
    return RouterOnLog::eventually([&] {
      const auto found = store_->get(key);
      return found && *found;
    });
  }

 private:
  cli::SystemClock clock_;
  Random random_{20261123};
  cli::RoleThread thread_;
  std::unique_ptr<event_store::TravellingSnapshotStore> store_;
};

std::string user(int number) { return "user-" + std::to_string(number); }

// Everybody says something and is answered; then the first owner leaves in order.
void serve_all(RouterOnLog& router, Machine& machine) {
  router.other_snapshots = &machine.store();
  router.start();
  for (int i = 0; i < kUsers; ++i) router.says(user(i), "m");
  for (int i = 0; i < kUsers; ++i) ASSERT_TRUE(router.has(user(i), "agent_completed"));
  router.drain();
  ASSERT_TRUE(machine.store().flush());
}

TEST(Standby, ATakeOverFoldsNothingThatASnapshotOfAnotherMachineHolds) {
  RouterOnLog router;
  Machine first(router, "first");
  Machine second(router, "second");
  serve_all(router, first);
  for (std::int32_t p = 0; p < router.log().describe().partitions; ++p)
    ASSERT_TRUE(second.has(partition_snapshot_key(Partition(p))) ||
                router.records(Topic::events, Partition(p)).size() < 10);
  router.other_snapshots = &second.store();
  router.start();
  ASSERT_TRUE(router.is_serving());
  for (int i = 0; i < kUsers; ++i) router.says(user(i), "n");
  for (int i = 0; i < kUsers; ++i) ASSERT_TRUE(router.has(user(i), "agent_completed", 2));
  EXPECT_EQ(router.router().counters().rebuilds, 0u);
  EXPECT_EQ(router.router().counters().states.users_damaged, 0u);
  EXPECT_EQ(router.reads().event_pages, 0);
  // All valid events it met are of its own term.
  const auto& verdicts = router.router().counters().verdicts;
  EXPECT_EQ(verdicts[static_cast<std::size_t>(event_store::Verdict::valid)],
            router.router().counters().events);
  router.drain();
}

TEST(Standby, WithNothingReadYetAllIsFoldedFromTheLogAndNothingIsWrong) {
  RouterOnLog router;
  {
    Machine first(router, "first");
    serve_all(router, first);
  }
  Machine late(router, "late");
  // Looked at while it still reads, or after: no less right.
  router.options.snapshots_patience = std::chrono::milliseconds(0);
  router.other_snapshots = &late.store();
  router.start();
  for (int i = 0; i < kUsers; ++i) router.says(user(i), "n");
  for (int i = 0; i < kUsers; ++i) ASSERT_TRUE(router.has(user(i), "agent_completed", 2));
  EXPECT_EQ(router.router().counters().states.users_damaged, 0u);
  router.drain();
}

}  // namespace
}  // namespace signalbox::router
