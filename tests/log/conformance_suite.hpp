// What every EventLog must do, as one suite: a backend supplies an EventLogFixture and instantiates
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, EventLogConformance,
//                            testing::Combine(testing::Values(make_my_fixture),
//                                             testing::ValuesIn(conformance_checks({Hook::crash}))),
//                            name_of_check);
//
// with the hooks that the fixture has beyond those every one must have. A check is a function, so
// that a backend known to be wrong can be run through it too.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::event_store {

// What a fixture may be able to do to its log, and what the backend promises then.
enum class Hook {
  none,
  crash,               // crash()
  crash_keeps_prefix,  // and of the appends of one thread in flight a prefix is left
  second_opener,       // open_second(): storage that only one may write
  failing_disk,        // fail_appends() and heal()
};
enum class DiskFault {
  full,  // writes fail: nothing of them is there, and later ones may succeed
  sync,  // one sync fails: nobody knows what is on disk
};

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

  // Hooks; each is called only where the fixture is listed with it.
  // The process and what its disk had not promised to keep are gone: what was not acknowledged may
  // be missing. Then opens the log again.
  virtual void crash() { ADD_FAILURE() << "this fixture cannot crash"; }
  // What somebody gets who opens the storage for writing while log() is open.
  [[nodiscard]] virtual Result<void> open_second() {
    ADD_FAILURE() << "this fixture has no second opener";
    return {};
  }
  // From now on, until heal().
  virtual void fail_appends(DiskFault) { ADD_FAILURE() << "this fixture's disk cannot fail"; }
  virtual void heal() {}
};

struct ConformanceCheck {
  const char* name;
  void (*run)(EventLogFixture& fixture);
  Hook needs = Hook::none;
};
inline void PrintTo(const ConformanceCheck& check, std::ostream* out) { *out << check.name; }
// Those that need no hook or one of these.
[[nodiscard]] std::vector<ConformanceCheck> conformance_checks(std::initializer_list<Hook> hooks);

// Null where the backend needs something that is not there: the check is skipped.
using MakeFixture = std::unique_ptr<EventLogFixture> (*)();
class EventLogConformance
    : public testing::TestWithParam<std::tuple<MakeFixture, ConformanceCheck>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventLogConformance);

[[nodiscard]] inline std::string name_of_check(
    const testing::TestParamInfo<EventLogConformance::ParamType>& info) {
  return std::get<1>(info.param).name;
}

}  // namespace signalbox::event_store
