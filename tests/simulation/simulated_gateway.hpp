// SimulatedGateway: one machine that runs the real gateway but for its sockets: sessions and their
// links, one hub, one feed, over the simulated log and network. kill() is kill -9, pause() is
// SIGSTOP, drain() is SIGTERM: it ends once its sockets have left, or its grace is over; start()
// begins a new process. One real thread, virtual time.
#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <vector>

#include "gateway/metrics.hpp"
#include "gateway/session.hpp"
#include "tests/simulation/process_log.hpp"
#include "tests/simulation/simulated_connection.hpp"

namespace signalbox::simulation {

// What simulated machines run on. All of it outlives them.
struct Surroundings {
  test_support::SimulatedScheduler& scheduler;
  test_support::SimulatedEventLog& log;
  SimulatedGroup& group;
  OwnershipWitness& witness;
  Random& random;
};

class SimulatedGateway {
 public:
  SimulatedGateway(Surroundings surroundings, std::string name, std::vector<std::string> agents);
  ~SimulatedGateway();

  void start();
  // Each of these says whether there was something to do it to.
  bool kill();
  bool pause();
  bool drain();
  void go_on();
  // Ends the process where it has drained. Called now and then, outside of any task.
  void end_if_drained();

  // The upgrade of a socket whose token was accepted, as it arrives. False: nobody listens (any
  // more).
  [[nodiscard]] bool accept(const std::shared_ptr<SimulatedConnection>& connection,
                            gateway::Handshake handshake, const UserId& user);
  // Cuts every connection there is; how many.
  std::size_t cut_off();

 private:
  struct Process;

  Surroundings surroundings_;
  prometheus::Registry registry_;
  gateway::GatewayMetrics metrics_;
  gateway::SessionOptions options_;
  std::unique_ptr<Process> process_;
  bool paused_ = false;
};

}  // namespace signalbox::simulation
