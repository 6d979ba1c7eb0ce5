#include "ops/bench/good_users.hpp"

#include <string>

namespace signalbox::bench {

namespace {

constexpr std::chrono::seconds kWaitMax{60};
constexpr std::size_t kGroups = 10;
constexpr std::size_t kContentBytes = 277;  // an event value of 300 bytes

}  // namespace

GoodUsers::GoodUsers(BenchedService& service, std::size_t count)
    : service_(service), swarm_(service.process().address()), per_group_(count / kGroups) {
  for (std::size_t i = 0; i < per_group_ * kGroups; ++i)
    swarm_.connect("/ws", service.token("g" + std::to_string(i / per_group_) + "-" +
                                        std::to_string(i % per_group_)));
  ready_ = swarm_.run_until([&] { return swarm_.counts().caught_up == swarm_.size(); }, kWaitMax);
}

bool GoodUsers::step(std::vector<double>& latencies) {
  const SteadyTime start = std::chrono::steady_clock::now();
  const std::uint64_t expected = swarm_.counts().events + per_group_;
  swarm_.latencies().clear();
  swarm_.note_latencies(start);
  service_.process().tell("spread g" + std::to_string(group_++ % kGroups) + "- " +
                          std::to_string(per_group_) + " 1 " + std::to_string(kContentBytes));
  const bool came = swarm_.run_until(
      [&] { return swarm_.counts().events >= expected || swarm_.counts().ended > 0; }, kWaitMax);
  service_.process().await_answer();
  for (const double microseconds : swarm_.latencies()) latencies.push_back(microseconds / 1000);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      start + kPace - std::chrono::steady_clock::now());
  if (left.count() > 0) swarm_.run_until([] { return false; }, left);
  return came && swarm_.counts().ended == 0;
}

}  // namespace signalbox::bench
