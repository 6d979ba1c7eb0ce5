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
                         std::unique_ptr<router::AgentRegistry> agents,
                         router::RouterOptions options, RunReport& report);
  ~SimulatedRouterProcess();

  // A new process, where there is none, or one that has left or serves a partition no more.
  void start();
  // Each of these says whether there was something to do it to.
  bool kill();
  // kill -9 while the log commits what the process has handed to it, soon: a part of that is lost.
  bool kill_in_commit();
  bool pause();
  bool drain();
  bool lose_snapshots();
  void go_on();
  // In a file named after this machine.
  [[nodiscard]] Result<void> keep_snapshots(const std::string& folder) const;
  // What it says of itself: why it does not serve.
  [[nodiscard]] std::vector<std::string> not_ready() const;
  // A partition it cannot serve is no violation: rows could not be read.
  void allow_damaged_rows() { rows_are_damaged_ = true; }
  // It was told to leave and has not yet.
  [[nodiscard]] bool is_leaving() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Process;

  Surroundings surroundings_;
  std::string name_;
  std::unique_ptr<router::AgentRegistry> agents_;
  router::RouterOptions options_;
  RunReport& report_;
  std::unique_ptr<event_store::MemorySnapshotStore> snapshots_;
  std::unique_ptr<Process> process_;
  bool paused_ = false;
  bool draining_ = false;
  bool rows_are_damaged_ = false;
};

}  // namespace signalbox::simulation
