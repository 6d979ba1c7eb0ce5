// The measurements of gateway_bench. Each starts its services itself, in folders of its own, prints
// its figures with the conditions and returns 0, or 1 where something was lost, doubled or never
// came; nothing timed is judged. The clients (Swarm) run on the same cores as the service: a figure
// per CPU-second is not hurt by that, one in seconds is.
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "ops/bench/served_process.hpp"
#include "ops/bench/swarm.hpp"

namespace signalbox::bench {

struct GatewayBenchOptions {
  std::string program;  // signalbox
  // gateway_test_server: the same gateway and log, with an owner that states the events it is told
  // to. What an agent costs is not in the figures then; what the log costs is, and is told apart.
  std::string test_server;
  std::string peer;  // bare_peer
  std::string dir;   // made; what is in it stays
  std::size_t sockets = 1000;
  std::size_t rounds = 50;
  std::size_t batch = 1;  // events per socket between two pauses
  std::size_t missed = 20;
  std::size_t resumes = 100;
  std::size_t hostile = 100;
  std::int64_t seconds = 60;  // with the attack or the slow sockets; at most a minute without
  std::size_t io_threads = 2;
};

int bench_fan_out(const GatewayBenchOptions& options, std::ostream& out);
int bench_idle(const GatewayBenchOptions& options, std::ostream& out);
int bench_storm(const GatewayBenchOptions& options, std::ostream& out);
int bench_resume(const GatewayBenchOptions& options, std::ostream& out);
int bench_slow(const GatewayBenchOptions& options, std::ostream& out);
int bench_hostile(const GatewayBenchOptions& options, std::ostream& out);

// A service with its data directory.
class BenchedService {
 public:
  // The test server with limits as NAME=NUMBER, or the program.
  [[nodiscard]] static std::unique_ptr<BenchedService> test_server(
      const GatewayBenchOptions& options, const std::string& name,
      const std::vector<std::string>& limits);
  [[nodiscard]] static std::unique_ptr<BenchedService> program(const GatewayBenchOptions& options,
                                                               const std::string& name);
  [[nodiscard]] static std::unique_ptr<BenchedService> peer(const GatewayBenchOptions& options);

  [[nodiscard]] ServedProcess& process() { return process_; }
  // Of a user, by the key in the data directory; the peer asks for none.
  [[nodiscard]] std::string token(const std::string& user) const;

 private:
  BenchedService(const std::vector<std::string>& command, const std::string& log,
                 const std::string& key_file);
  ServedProcess process_;
  std::string secret_;
};

}  // namespace signalbox::bench
