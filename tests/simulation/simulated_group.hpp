// SimulatedGroup: the consumer group of the routers. It gives every partition to a member, shares
// them anew when one comes or goes, drops a member it has not heard of (a paused process that does
// not know), and may be wrong: give a partition to two, or to nobody for a while. One real thread;
// outlives its memberships.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/model/random.hpp"

namespace signalbox::simulation {

class SimulatedGroup {
 public:
  SimulatedGroup(std::int32_t partitions, Random& random)
      : partitions_(partitions), random_(random) {}

  [[nodiscard]] std::unique_ptr<event_store::Membership> join(const std::string& process,
                                                              Executor& where,
                                                              event_store::MembershipSink& sink);
  // The session timeout of a member; it is a member again once it is heard of.
  void lose(const std::string& process);
  void hear_of(const std::string& process);
  // From now on, at chance, a member is also given what another one has.
  void set_wrong_percent(unsigned percent) { wrong_percent_ = percent; }
  void share();

 private:
  class Member;
  std::int32_t partitions_;
  Random& random_;
  unsigned wrong_percent_ = 0;
  std::map<std::string, Member*> members_;
};

}  // namespace signalbox::simulation
