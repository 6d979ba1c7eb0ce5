// ProcessLog: the log as one simulated process sees it: a session of the simulated log, and the
// group of routers, which the simulation plays itself. What a router reads and appends is shown to
// the witness.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tests/simulation/ownership_witness.hpp"
#include "tests/simulation/simulated_group.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::simulation {

class ProcessLog final : public event_store::EventLog {
 public:
  // `witness`: null for a gateway.
  ProcessLog(event_store::EventLog& session, SimulatedGroup& group, OwnershipWitness* witness,
             std::string process)
      : session_(session), group_(group), witness_(witness), process_(std::move(process)) {}

  [[nodiscard]] event_store::LogDescription describe() const override {
    return session_.describe();
  }
  void append(TopicPartition at, NewRecord record, Executor& where,
              event_store::AppendDone done) override;
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition at, Offset from,
                                                        Executor& where,
                                                        event_store::TailSink& sink) override;
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    event_store::ReadLimits limits) override {
    return session_.read(at, from, limits);
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    return session_.bounds(at);
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string, Executor& where, event_store::MembershipSink& sink) override {
    return group_.join(process_, where, sink);
  }

 private:
  class WitnessedTail;
  class UnfoldedTail;
  [[nodiscard]] OwnershipWitness::View& view_of(Partition partition);

  event_store::EventLog& session_;
  SimulatedGroup& group_;
  OwnershipWitness* witness_;
  std::string process_;
  std::map<Partition, OwnershipWitness::View> views_;
};

}  // namespace signalbox::simulation
