// Routers whose snapshots travel: whoever takes over folds what changed since, and no more.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
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
  // Where each ends, once: no snapshot of a user speaks of more.
  EXPECT_LE(router.reads().event_bounds, router.log().describe().partitions);
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

// Says of each partition that so many are missing, one less at each look if they come.
class Missing final : public event_store::MemorySnapshotStore {
 public:
  Missing(std::uint64_t missing, bool come) : missing_(missing), come_(come) {}
  [[nodiscard]] std::uint64_t behind(Partition partition) const override {
    const std::lock_guard lock(looking_);
    std::uint64_t& left = left_.try_emplace(partition, missing_).first->second;
    return come_ && left > 0 ? left-- : left;
  }
  [[nodiscard]] std::uint64_t left() const {
    const std::lock_guard lock(looking_);
    std::uint64_t sum = 0;
    for (const auto& [partition, left] : left_) sum += left;
    return sum;
  }

 private:
  const std::uint64_t missing_;
  const bool come_;
  mutable std::mutex looking_;
  mutable std::map<Partition, std::uint64_t> left_;
};

bool serves_with(Missing& missing, std::chrono::milliseconds wait_max) {
  RouterOnLog router;
  router.options.snapshots_patience = std::chrono::milliseconds(100);
  router.options.snapshots_wait_max = wait_max;
  router.other_snapshots = &missing;
  router.start();
  return router.is_serving();
}

TEST(Standby, SnapshotsThatKeepComingAreWaitedForBeyondThePatience) {
  Missing missing(20, true);  // looked at each 20 ms
  EXPECT_TRUE(serves_with(missing, std::chrono::hours(1)));
  EXPECT_EQ(missing.left(), 0u);
}

TEST(Standby, SnapshotsThatDoNotComeAreNotWaitedFor) {
  Missing missing(20, false);
  EXPECT_TRUE(serves_with(missing, std::chrono::hours(1)));
}

TEST(Standby, SnapshotsThatComeWithoutEndAreNotWaitedFor) {
  Missing missing(1'000'000'000, true);
  EXPECT_TRUE(serves_with(missing, std::chrono::milliseconds(300)));
}

}  // namespace
}  // namespace signalbox::router
