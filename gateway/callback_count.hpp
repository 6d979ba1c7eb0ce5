// CallbackCount: how many answers log and history still owe. Their callbacks run on executors of
// the gateway, which must not end before the last has been given. Any thread.
#pragma once

#include <atomic>
#include <cstddef>

namespace signalbox::gateway {

class CallbackCount {
 public:
  void begin() { ++pending_; }
  void end() { --pending_; }
  [[nodiscard]] std::size_t pending() const { return pending_; }

 private:
  std::atomic<std::size_t> pending_{0};
};

}  // namespace signalbox::gateway
