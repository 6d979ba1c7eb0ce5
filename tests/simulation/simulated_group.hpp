// SimulatedGroup: the consumer group of the routers. It gives every partition to a member, shares
// them anew when one comes or goes, and drops a member it has not heard of (a paused process that
// does not know). It may be wrong: give a partition to a second member too, tell a member late, or
// not at all until it shares again. One real thread; outlives its memberships.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/random.hpp"
#include "tests/simulation/run_report.hpp"
#include "tests/support/simulated_scheduler.hpp"

namespace signalbox::simulation {

// Chances in percent, and the upper limit of a seeded choice.
struct GroupFaults {
  unsigned given_twice = 0;  // a member is also given what another one has
  unsigned not_told = 0;     // a member does not hear what it is given now
  std::chrono::milliseconds late_max{0};
};

class SimulatedGroup {
 public:
  struct Parts {
    test_support::SimulatedScheduler& scheduler;
    Random& random;
    RunReport& report;
  };
  SimulatedGroup(Parts parts, std::int32_t partitions) : parts_(parts), partitions_(partitions) {}

  [[nodiscard]] std::unique_ptr<event_store::Membership> join(const std::string& process,
                                                              Executor& where,
                                                              event_store::MembershipSink& sink);
  // The session timeout of a member; it is a member again once it is heard of.
  void lose(const std::string& process);
  void hear_of(const std::string& process);
  void set_faults(GroupFaults faults) { faults_ = faults; }
  void share();

 private:
  class Member;
  [[nodiscard]] bool fails(unsigned percent, std::string_view name);

  Parts parts_;
  std::int32_t partitions_;
  GroupFaults faults_;
  std::map<std::string, Member*> members_;
};

}  // namespace signalbox::simulation
