// gateway_bench: what the gateway costs, from the side of its clients, each figure beside a bare
// websocketpp program that serves the same clients in the same run.
#include "ops/bench/gateway_bench.hpp"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include "ops/bench/conditions.hpp"
#include "ops/bench/dev_token.hpp"

namespace signalbox::bench {

BenchedService::BenchedService(const std::vector<std::string>& command, const std::string& log,
                               const std::string& key_file)
    : process_(command, log) {
  std::ifstream key(key_file, std::ios::binary);
  secret_.assign(std::istreambuf_iterator<char>(key), {});
}

std::unique_ptr<BenchedService> BenchedService::test_server(
    const GatewayBenchOptions& options, const std::string& name,
    const std::vector<std::string>& limits) {
  const std::string data = options.dir + "/" + name;
  // Its owner begins at seq 1: with what an earlier run has left, nothing it states would count.
  if (!std::filesystem::create_directories(data))
    throw std::runtime_error(data + " is there already: give an empty folder as --dir");
  std::vector<std::string> command{options.test_server, data, "connects_burst=1000000",
                                   "connects_per_second=1000000"};
  command.insert(command.end(), limits.begin(), limits.end());
  return std::unique_ptr<BenchedService>(
      new BenchedService(command, data + ".log", data + "/dev.key"));
}

std::unique_ptr<BenchedService> BenchedService::program(const GatewayBenchOptions& options,
                                                        const std::string& name) {
  const std::string data = options.dir + "/" + name;
  ::setenv("SIGNALBOX_GATEWAY_IO_THREADS", std::to_string(options.io_threads).c_str(), 1);
  ::setenv("SIGNALBOX_LIMITS_MESSAGES_PER_SECOND", "1000000", 1);
  ::setenv("SIGNALBOX_LIMITS_MESSAGES_BURST", "1000000", 1);
  return std::unique_ptr<BenchedService>(new BenchedService(
      {options.program, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", data}, data + ".log",
      data + "/dev.key"));
}

std::unique_ptr<BenchedService> BenchedService::peer(const GatewayBenchOptions& options) {
  return std::unique_ptr<BenchedService>(new BenchedService(
      {options.peer, std::to_string(options.io_threads)}, options.dir + "/peer.log", ""));
}

std::string BenchedService::token(const std::string& user) const {
  return secret_.empty() ? "" : sign_dev_token(secret_, user);
}

namespace {

// 10,000 sockets here are as many in the service, which inherits the limit.
void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, char** argv) {
  GatewayBenchOptions options;
  CLI::App app{"Measures the gateway beside a bare websocketpp program."};
  app.require_subcommand(1);
  app.add_option("--program", options.program, "signalbox")->required();
  app.add_option("--test-server", options.test_server, "gateway_test_server")->required();
  app.add_option("--peer", options.peer, "bare_peer")->required();
  app.add_option("--dir", options.dir, "folder for the services' data, made")->required();
  app.add_option("--sockets", options.sockets, "how many")->capture_default_str();
  app.add_option("--rounds", options.rounds, "events to every socket")->capture_default_str();
  app.add_option("--batch", options.batch, "events to a socket at once")->capture_default_str();
  app.add_option("--missed", options.missed, "events each client of the storm has missed")
      ->capture_default_str();
  app.add_option("--resumes", options.resumes, "how many are timed")->capture_default_str();
  app.add_option("--hostile", options.hostile, "attackers")->capture_default_str();
  app.add_option("--seconds", options.seconds, "of each phase of slow and hostile")
      ->capture_default_str();
  using Bench = int (*)(const GatewayBenchOptions&, std::ostream&);
  Bench chosen = nullptr;
  const auto add = [&](const char* name, const char* what, Bench bench) {
    app.add_subcommand(name, what)->fallthrough()->callback([&chosen, bench] { chosen = bench; });
  };
  add("fanout", "deliveries per CPU-second", bench_fan_out);
  add("idle", "memory per idle connection", bench_idle);
  add("storm", "everybody reconnects at once", bench_storm);
  add("resume", "1,000 missed events, from window and archive", bench_resume);
  add("slow", "live latency beside slow sockets of the same user", bench_slow);
  add("hostile", "live latency, memory and descriptors under attack", bench_hostile);
  CLI11_PARSE(app, argc, argv);
  raise_descriptor_limit();
  std::filesystem::create_directories(options.dir);
  std::cout << describe_conditions() << "clients   on the same cores, epoll, no JSON parsed\n";
  return chosen(options, std::cout);
}

}  // namespace
}  // namespace signalbox::bench

int main(int argc, char** argv) {
  try {
    return signalbox::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
