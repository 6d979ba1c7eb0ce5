// What every EventLog must do, as one suite: a backend supplies an EventLogFixture and instantiates
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, EventLogConformance,
//                            testing::Combine(testing::Values(make_my_fixture),
//                                             testing::ValuesIn(conformance_checks())),
//                            name_of_check);
//
// A check is a function, so that a backend known to be wrong can be run through it too.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

class EventLogFixture {
 public:
  static constexpr int kExecutors = 3;

  virtual ~EventLogFixture() = default;
  // An open log whose topics are empty but for genesis, the same until reopen().
  [[nodiscard]] virtual EventLog& log() = 0;
  // Closes it in order and opens it again on the same storage.
  virtual void reopen() = 0;
  // 0 to kExecutors - 1, each of another thread (real or simulated).
  [[nodiscard]] virtual Executor& executor(int index) = 0;
  // Runs the task on that executor and returns when it has ended.
  virtual void run_on(int index, const Task& task) = 0;
  // Lets the log work until the condition holds; false after a bounded time. The condition is
  // looked at on the calling thread.
  [[nodiscard]] virtual bool wait_until(const std::function<bool()>& condition) = 0;
};

struct ConformanceCheck {
  const char* name;
  void (*run)(EventLogFixture& fixture);
};
inline void PrintTo(const ConformanceCheck& check, std::ostream* out) { *out << check.name; }
[[nodiscard]] const std::vector<ConformanceCheck>& conformance_checks();

using MakeFixture = std::unique_ptr<EventLogFixture> (*)();
class EventLogConformance
    : public testing::TestWithParam<std::tuple<MakeFixture, ConformanceCheck>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventLogConformance);

[[nodiscard]] inline std::string name_of_check(
    const testing::TestParamInfo<EventLogConformance::ParamType>& info) {
  return std::get<1>(info.param).name;
}

}  // namespace signalbox::event_store
