// SimulatedRouterProcess: one machine that runs the real router over the simulated log. What
// outlives a process on it are its snapshots, unless they are lost. kill() is kill -9, pause() is
// SIGSTOP (a zombie, once the group has given its partitions to others), drain() leaves in order.
// One real thread, virtual time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router/router.hpp"
#include "tests/simulation/run_report.hpp"
#include "tests/simulation/simulated_gateway.hpp"
#include "tests/snapshot/memory_snapshot_store.hpp"

namespace signalbox::simulation {

class SimulatedRouterProcess {
 public:
  SimulatedRouterProcess(Surroundings surroundings, std::string name,
                         const router::AgentRegistry& agents, router::RouterOptions options,
                         RunReport& report);
  ~SimulatedRouterProcess();

  void start();
  void kill();
  void pause();
  void go_on();
  void drain();
  void lose_snapshots();
  // What it says of itself: why it does not serve.
  [[nodiscard]] std::vector<std::string> not_ready() const;
  // It was told to leave and has not yet.
  [[nodiscard]] bool is_leaving() const;
  [[nodiscard]] event_store::SnapshotStore& snapshots() { return *snapshots_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Process;

  Surroundings surroundings_;
  std::string name_;
  const router::AgentRegistry& agents_;
  router::RouterOptions options_;
  RunReport& report_;
  std::unique_ptr<event_store::MemorySnapshotStore> snapshots_;
  std::unique_ptr<Process> process_;
  bool paused_ = false;
  bool draining_ = false;
};

}  // namespace signalbox::simulation
