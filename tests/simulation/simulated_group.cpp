#include "tests/simulation/simulated_group.hpp"

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

  void assign(std::vector<Partition> partitions) {
    where_.post([this, left = left_, partitions = std::move(partitions)] {
      if (!*left) sink_.on_assigned(partitions);
    });
  }
  bool heard_of = true;

 private:
  SimulatedGroup& group_;
  std::string process_;
  Executor& where_;
  event_store::MembershipSink& sink_;
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
  share();
}

void SimulatedGroup::hear_of(const std::string& process) {
  const auto found = members_.find(process);
  if (found == members_.end() || found->second->heard_of) return;
  found->second->heard_of = true;
  share();
}

void SimulatedGroup::share() {
  std::vector<Member*> heard_of;
  for (const auto& [process, member] : members_)
    if (member->heard_of) heard_of.push_back(member);
  if (heard_of.empty()) return;
  std::vector<std::vector<Partition>> shares(heard_of.size());
  const std::uint64_t first = random_.below(heard_of.size());
  for (std::int32_t i = 0; i < partitions_; ++i) {
    const auto owner = (first + static_cast<std::uint64_t>(i)) % heard_of.size();
    shares[owner].emplace_back(i);
    for (std::size_t other = 0; other < shares.size(); ++other)
      if (other != owner && random_.below(100) < wrong_percent_) shares[other].emplace_back(i);
  }
  for (std::size_t i = 0; i < heard_of.size(); ++i) heard_of[i]->assign(std::move(shares[i]));
}

}  // namespace signalbox::simulation
