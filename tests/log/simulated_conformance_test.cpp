// The simulated log through the conformance suite: honest, and with each lie the contract allows,
// it passes; with each lie the contract forbids, the suite must notice.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/log/conformance_suite.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::event_store {
namespace {

using test_support::SimulatedEventLog;
using test_support::SimulatedLogLies;
using test_support::SimulatedScheduler;

class SimulatedFixture final : public EventLogFixture {
 public:
  explicit SimulatedFixture(SimulatedLogLies lies = {}, std::uint64_t seed = 1)
      : scheduler_({.seed = seed}), store_(scheduler_, {.lies = lies}) {
    for (int i = 0; i < kExecutors; ++i)
      executors_.push_back(&scheduler_.make_executor("executor " + std::to_string(i)));
    open_session();
  }

  [[nodiscard]] EventLog& log() override { return *session_; }
  void reopen() override {
    scheduler_.run_until_idle();
    session_.reset();
    open_session();
  }
  [[nodiscard]] Executor& executor(int index) override {
    return *executors_[static_cast<std::size_t>(index)];
  }
  void run_on(int index, const Task& task) override {
    scheduler_.run_until_idle();
    scheduler_.run_on(executor(index), task);
  }
  [[nodiscard]] bool wait_until(const std::function<bool()>& condition) override {
    return scheduler_.run_until(condition, std::chrono::minutes(5));
  }
  // The session dies with what is in flight; what lands nevertheless has landed afterwards.
  void crash() override {
    session_.reset();
    scheduler_.advance(std::chrono::seconds(10));
    open_session();
  }
  void fail_appends(DiskFault fault) override {
    fault_ = fault;
    const Errc error = fault == DiskFault::full ? Errc::disk_full : Errc::log_unavailable;
    store_.set_fate([error](const TopicPartition&, const NewRecord&) {
      return test_support::AppendFate{.copies = 0, .error = error};
    });
  }
  // A broker that cannot know what it has goes on only after a new start.
  void heal() override {
    if (fault_ == DiskFault::full) store_.set_fate({});
  }

 private:
  void open_session() {
    store_.set_fate({});
    session_ = store_.open_session();
  }

  SimulatedScheduler scheduler_;
  SimulatedEventLog store_;
  std::vector<Executor*> executors_;
  std::unique_ptr<EventLog> session_;
  DiskFault fault_ = DiskFault::full;
};

// Any number of sessions may write: there is no second opener to refuse.
std::vector<ConformanceCheck> checks_of_any_session() {
  return conformance_checks({Hook::crash, Hook::failing_disk});
}

INSTANTIATE_TEST_SUITE_P(
    SimulatedHonest, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<SimulatedFixture>(
                           SimulatedLogLies{.land_after_death = 0});
                     }),
                     testing::ValuesIn(conformance_checks({Hook::crash, Hook::crash_keeps_prefix,
                                                           Hook::failing_disk}))),
    name_of_check);

// How many of the suite's checks find a log with these lies wrong, over some seeds.
std::string checks_that_fail(
    SimulatedLogLies lies, int seeds,
    const std::vector<ConformanceCheck>& checks = checks_of_any_session()) {
  std::string failed;
  for (const ConformanceCheck& check : checks) {
    for (int seed = 1; seed <= seeds; ++seed) {
      testing::TestPartResultArray found;
      {
        const testing::ScopedFakeTestPartResultReporter reporter(
            testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &found);
        SimulatedFixture fixture(lies, static_cast<std::uint64_t>(seed));
        check.run(fixture);
      }
      if (found.size() == 0) continue;
      failed += std::string(check.name) + " (seed " + std::to_string(seed) +
                "): " + found.GetTestPartResult(0).message() + "\n";
      break;
    }
  }
  return failed;
}

struct Lie {
  const char* name;
  SimulatedLogLies lies;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
std::string name_of_lie(const testing::TestParamInfo<Lie>& info) { return info.param.name; }

using std::chrono::milliseconds;
using std::chrono::seconds;

class AllowedLie : public testing::TestWithParam<Lie> {};
INSTANTIATE_TEST_SUITE_P(
    Simulated, AllowedLie,
    testing::Values(
        Lie{"Delay", {.append_delay_max = milliseconds(50)}},
        Lie{"StaleTails", {.tail_delay_max = milliseconds(500)}},
        Lie{"LoseAndReport", {.lose_and_report = 10}},
        Lie{"LandAndReportError", {.land_and_report_error = 10}},
        Lie{"LandLateAfterError", {.land_late_after_error = 10, .late_max = milliseconds(200)}},
        Lie{"LandTwiceAfterError", {.land_twice_after_error = 10}},
        Lie{"Lagging",
            {.tail_delay_max = milliseconds(50), .lagging_reads = 50, .lagging_tails = 50}},
        Lie{"AllAtOnce",
            {.append_delay_max = milliseconds(20),
             .tail_delay_max = milliseconds(50),
             .lose_and_report = 5,
             .land_and_report_error = 5,
             .land_late_after_error = 5,
             .land_twice_after_error = 5,
             .late_max = milliseconds(100)}}),
    name_of_lie);

TEST_P(AllowedLie, PassesTheSuite) { EXPECT_EQ(checks_that_fail(GetParam().lies, 3), ""); }

class ForbiddenLie : public testing::TestWithParam<Lie> {};
INSTANTIATE_TEST_SUITE_P(
    Simulated, ForbiddenLie,
    testing::Values(Lie{"LoseAcknowledged", {.lose_acknowledged = 3}},
                    Lie{"LandTwiceAcknowledged", {.land_twice_acknowledged = 3}},
                    Lie{"Reorder", {.reorder = 3}}, Lie{"ChangeBytes", {.change_bytes = 3}},
                    Lie{"DropHeader", {.drop_header = 3}}, Lie{"SkipOffset", {.skip_offset = 3}},
                    Lie{"WrongOffsetInReport", {.wrong_offset_in_report = 3}},
                    Lie{"TailSkips", {.tail_skips = 3}}, Lie{"TailRepeats", {.tail_repeats = 3}},
                    Lie{"NeverReports", {.land_silently = 3}},
                    Lie{"LosesAndNeverReports", {.lose_silently = 3}},
                    Lie{"StaleReads", {.stale_reads = 3}}, Lie{"StaleBounds", {.stale_bounds = 3}},
                    Lie{"ForgetOnReopen", {.forget_on_reopen = true}},
                    Lie{"CallDestroyedTail", {.call_destroyed_tail = true}}),
    name_of_lie);

TEST_P(ForbiddenLie, IsNoticedByTheSuite) {
  EXPECT_NE(checks_that_fail(GetParam().lies, 3), "") << "nobody noticed";
}

TEST(Simulated, HolesAfterDeathAreNoticedWhereAPrefixIsPromised) {
  const SimulatedLogLies lies{.append_delay_max = milliseconds(20), .land_after_death = 50};
  EXPECT_EQ(checks_that_fail(lies, 3), "");
  EXPECT_NE(checks_that_fail(lies, 3, conformance_checks({Hook::crash_keeps_prefix})), "");
}

}  // namespace
}  // namespace signalbox::event_store
