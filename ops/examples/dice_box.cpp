// The program `dice_box`: signalbox, with an agent of its own beside the default ones.
#include <memory>
#include <random>

#include "ops/cli/program.hpp"
#include "ops/examples/dice_agent.hpp"

int main(int argc, char** argv) {
  const auto die = [engine = std::mt19937(std::random_device{}())]() mutable {
    return std::uniform_int_distribution(1, 6)(engine);
  };
  return signalbox::cli::run_program(argc, argv, [&die](signalbox::router::AgentRegistry& agents) {
    agents.add(std::make_unique<dice::DiceAgent>(die));
  });
}
