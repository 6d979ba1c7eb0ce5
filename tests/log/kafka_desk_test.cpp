#include "event-store/log/kafka_desk.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <latch>
#include <string>
#include <thread>

#include "ops/cli/role_thread.hpp"

namespace signalbox::event_store {
namespace {

constexpr const char* kName = "desk-of-test";

int threads_of_desk() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    count += std::getline(comm, name) && name == kName ? 1 : 0;
  }
  return count;
}

// Wants it to come about; how long that takes is the machine's affair.
void wait_for_threads(int count) {
  while (threads_of_desk() != count) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// A gateway that had asked frozen brokers kept a thread for each partition for good.
TEST(KafkaDesk, HasAsManyThreadsAsQuestionsThatWaitAndOneAfterThem) {
  constexpr int kQuestions = 5;
  cli::RoleThread where("asks");
  KafkaDesk desk(kName, std::chrono::milliseconds(20));
  for (int round = 0; round < 3; ++round) {
    std::latch answered(kQuestions);
    std::promise<void> broker;
    const std::shared_future<void> answer = broker.get_future().share();
    for (int i = 0; i < kQuestions; ++i)
      desk.ask<int>(
          [answer]() -> Result<int> {
            answer.wait();
            return 1;
          },
          where, [&answered](const Result<int>&) { answered.count_down(); });
    wait_for_threads(kQuestions);
    broker.set_value();
    answered.wait();
    wait_for_threads(1);
  }
}

}  // namespace
}  // namespace signalbox::event_store
