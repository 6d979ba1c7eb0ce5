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
    session_ = store_.open_session();
  }

  [[nodiscard]] EventLog& log() override { return *session_; }
  void reopen() override {
    scheduler_.run_until_idle();
    session_.reset();
    session_ = store_.open_session();
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

 private:
  SimulatedScheduler scheduler_;
  SimulatedEventLog store_;
  std::vector<Executor*> executors_;
  std::unique_ptr<EventLog> session_;
};

INSTANTIATE_TEST_SUITE_P(
    SimulatedHonest, EventLogConformance,
    testing::Combine(testing::Values(+[]() -> std::unique_ptr<EventLogFixture> {
                       return std::make_unique<SimulatedFixture>();
                     }),
                     testing::ValuesIn(conformance_checks())),
    name_of_check);

// How many of the suite's checks find a log with these lies wrong, over some seeds.
std::string checks_that_fail(SimulatedLogLies lies, int seeds) {
  std::string failed;
  for (const ConformanceCheck& check : conformance_checks()) {
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
INSTANTIATE_TEST_SUITE_P(Simulated, AllowedLie,
                         testing::Values(Lie{"Delay", {.append_delay_max = milliseconds(50)}},
                                         Lie{"StaleTails", {.tail_delay_max = milliseconds(500)}},
                                         Lie{"LoseAndReport", {.lose_and_report = 10}},
                                         Lie{"LandAndReportError", {.land_and_report_error = 10}},
                                         Lie{"LandLateAfterError",
                                             {.land_late_after_error = 10,
                                              .late_max = milliseconds(200)}},
                                         Lie{"LandTwiceAfterError", {.land_twice_after_error = 10}},
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
                    Lie{"ForgetOnReopen", {.forget_on_reopen = true}},
                    Lie{"CallDestroyedTail", {.call_destroyed_tail = true}}),
    name_of_lie);

TEST_P(ForbiddenLie, IsNoticedByTheSuite) {
  EXPECT_NE(checks_that_fail(GetParam().lies, 3), "") << "nobody noticed";
}

}  // namespace
}  // namespace signalbox::event_store
