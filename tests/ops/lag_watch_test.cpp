#include "ops/cli/lag_watch.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ops/cli/system_clock.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::cli {
namespace {

using std::chrono::milliseconds;
using test_support::SimulatedEventLog;
using test_support::SimulatedScheduler;

// Of ten records of inbound retention took six.
class LagOfAPart : public ::testing::Test {
 protected:
  LagOfAPart() {
    for (int i = 0; i < 10; ++i) log_.put(kAt, {.key = "ann", .headers = {}, .value = "{}"});
    log_.forget_oldest(kAt, 6);
  }
  void watch(std::map<Partition, LagWatch::Place> places,
             milliseconds interval = milliseconds(1'000)) {
    give(std::move(places));
    watch_.emplace(*session_, clock_, thread_, registry_,
                   std::vector<LagWatch::Part>{{"router", Topic::inbound,
                                                [this] {
                                                  const std::lock_guard lock(mutex_);
                                                  return places_;
                                                }}},
                   LagWatchOptions{.interval = interval});
    thread_.run([] {});  // behind the first look
  }
  void give(std::map<Partition, LagWatch::Place> places) {
    const std::lock_guard lock(mutex_);
    places_ = std::move(places);
  }
  // Of the only partition; nullopt: it is not shown.
  std::optional<double> shown(const std::string& name) {
    for (const auto& family : registry_.Collect())
      if (family.name == name && !family.metric.empty()) return family.metric.front().gauge.value;
    return std::nullopt;
  }
  std::optional<double> owned() { return shown("signalbox_partition_owned"); }
  std::optional<double> lag() { return shown("signalbox_partition_lag_records"); }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
    return condition();
  }

  const TopicPartition kAt{Topic::inbound, Partition(0)};
  SimulatedScheduler scheduler_{{.seed = 1, .fifo = true}};
  SimulatedEventLog log_{scheduler_, {.partitions = 1}};
  std::unique_ptr<event_store::EventLog> session_ = log_.open_session();
  SystemClock clock_;
  prometheus::Registry registry_;
  std::mutex mutex_;
  std::map<Partition, LagWatch::Place> places_;  // guarded by mutex_
  RoleThread thread_{"lag"};
  std::optional<LagWatch> watch_;
};

TEST_F(LagOfAPart, IsWhatIsLeftToTake) {
  watch({{Partition(0), {true, Offset(8)}}});
  EXPECT_EQ(owned(), 1);
  EXPECT_EQ(lag(), 2);
}

TEST_F(LagOfAPart, LeavesOutWhatRetentionTook) {
  watch({{Partition(0), {true, Offset(0)}}});
  EXPECT_EQ(lag(), 4);
}

TEST_F(LagOfAPart, IsUnknownUntilThePartKnowsWhereItStands) {
  watch({{Partition(0), {false, std::nullopt}}});
  EXPECT_EQ(lag(), std::nullopt);
  EXPECT_EQ(owned(), std::nullopt);
  give({{Partition(0), {true, Offset(10)}}});
  EXPECT_TRUE(eventually([&] { return owned() == 1 && lag() == 0; }));
}

TEST_F(LagOfAPart, IsNotOwnedWhileAnotherProcessHoldsIt) {
  watch({{Partition(0), {false, Offset(9)}}});
  EXPECT_EQ(owned(), std::nullopt);
  EXPECT_EQ(lag(), 1);
  give({});
  EXPECT_TRUE(eventually([&] { return lag() == std::nullopt; })) << "it was given away";
}

TEST_F(LagOfAPart, SilenceOfTheLogIsKnownToWhoWasGivenNothing) {
  std::atomic<bool> is_away = false;
  log_.set_outage([&](const TopicPartition&, SimulatedEventLog::Asked) {
    return is_away ? std::optional(Error{Errc::log_unavailable, "away", {}}) : std::nullopt;
  });
  watch({}, milliseconds(20));
  is_away = true;
  EXPECT_TRUE(eventually([&] { return watch_->silence() > milliseconds(200); }));
  is_away = false;
  EXPECT_TRUE(eventually([&] { return watch_->silence() < milliseconds(200); }));
  watch_.reset();
}

}  // namespace
}  // namespace signalbox::cli
