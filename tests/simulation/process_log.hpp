// ProcessLog: the log as one simulated process sees it: a session of the simulated log, and the
// group of routers, which the simulation plays itself.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tests/simulation/simulated_group.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::simulation {

class ProcessLog final : public event_store::EventLog {
 public:
  ProcessLog(std::unique_ptr<event_store::EventLog> session, SimulatedGroup& group,
             std::string process)
      : session_(std::move(session)), group_(group), process_(std::move(process)) {}

  [[nodiscard]] event_store::LogDescription describe() const override {
    return session_->describe();
  }
  void append(TopicPartition at, NewRecord record, Executor& where,
              event_store::AppendDone done) override;
  [[nodiscard]] std::unique_ptr<event_store::Tail> tail(TopicPartition at, Offset from,
                                                        Executor& where,
                                                        event_store::TailSink& sink) override {
    return session_->tail(at, from, where, sink);
  }
  [[nodiscard]] Result<std::vector<RecordPtr>> read(TopicPartition at, Offset from,
                                                    event_store::ReadLimits limits) override {
    return session_->read(at, from, limits);
  }
  [[nodiscard]] Result<event_store::LogBounds> bounds(TopicPartition at) override {
    return session_->bounds(at);
  }
  [[nodiscard]] std::unique_ptr<event_store::Membership> join(
      std::string, Executor& where, event_store::MembershipSink& sink) override {
    return group_.join(process_, where, sink);
  }
  [[nodiscard]] const event_store::EventLog& session() const { return *session_; }

 private:
  std::unique_ptr<event_store::EventLog> session_;
  SimulatedGroup& group_;
  std::string process_;
};

}  // namespace signalbox::simulation
