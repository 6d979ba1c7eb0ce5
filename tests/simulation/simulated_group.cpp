#include "tests/simulation/simulated_group.hpp"

#include <algorithm>
#include <utility>

namespace signalbox::simulation {

class SimulatedGroup::Member final : public event_store::Membership {
 public:
  Member(SimulatedGroup& group, std::string process, Executor& where,
         event_store::MembershipSink& sink)
      : group_(group), process_(std::move(process)), where_(where), sink_(sink) {
    group_.members_[process_] = this;
    group_.share();
  }
  ~Member() override {
    *left_ = true;
    group_.members_.erase(process_);
    group_.share();
  }

  // What it is told comes in the order in which it was said, however late.
  void assign(std::vector<Partition> partitions) {
    SimulatedGroup& group = group_;
    const MonotonicTime now = group.parts_.scheduler.clock().monotonic();
    const auto late_max = static_cast<std::uint64_t>(group.faults_.late_max.count());
    const std::chrono::milliseconds late(group.parts_.random.below(late_max + 1));
    if (late > std::chrono::milliseconds(0)) group.parts_.report.count("assignment late");
    told_at_ = std::max(told_at_, now + late);
    group.parts_.scheduler.call_after(told_at_ - now,
                                      [this, left = left_, partitions = std::move(partitions)] {
                                        if (*left) return;
                                        where_.post([this, left, partitions] {
                                          if (!*left) sink_.on_assigned(partitions);
                                        });
                                      });
  }
  bool heard_of = true;

 private:
  SimulatedGroup& group_;
  std::string process_;
  Executor& where_;
  event_store::MembershipSink& sink_;
  MonotonicTime told_at_{};
  std::shared_ptr<bool> left_ = std::make_shared<bool>(false);
};

std::unique_ptr<event_store::Membership> SimulatedGroup::join(const std::string& process,
                                                              Executor& where,
                                                              event_store::MembershipSink& sink) {
  return std::make_unique<Member>(*this, process, where, sink);
}

void SimulatedGroup::lose(const std::string& process) {
  const auto found = members_.find(process);
  if (found == members_.end() || !found->second->heard_of) return;
  found->second->heard_of = false;
  parts_.report.count("router paused past its session");
  share();
}

void SimulatedGroup::hear_of(const std::string& process) {
  const auto found = members_.find(process);
  if (found == members_.end() || found->second->heard_of) return;
  found->second->heard_of = true;
  share();
}

bool SimulatedGroup::fails(unsigned percent, std::string_view name) {
  if (parts_.random.below(100) >= percent) return false;
  parts_.report.count(name);
  return true;
}

void SimulatedGroup::share() {
  std::vector<Member*> heard_of;
  for (const auto& [process, member] : members_)
    if (member->heard_of) heard_of.push_back(member);
  if (heard_of.empty()) return;
  std::vector<std::vector<Partition>> shares(heard_of.size());
  const std::uint64_t first = parts_.random.below(heard_of.size());
  for (std::int32_t i = 0; i < partitions_; ++i) {
    const auto owner = (first + static_cast<std::uint64_t>(i)) % heard_of.size();
    shares[owner].emplace_back(i);
    for (std::size_t other = 0; other < shares.size(); ++other)
      if (other != owner && fails(faults_.given_twice, "partition given to two"))
        shares[other].emplace_back(i);
  }
  for (std::size_t i = 0; i < heard_of.size(); ++i)
    if (!fails(faults_.not_told, "assignment missing")) heard_of[i]->assign(std::move(shares[i]));
}

}  // namespace signalbox::simulation
