// PostBatch: tasks collected for several executors and given to each in one post(), in the order
// they were added: a commit of many records wakes each waiting thread once. One thread; must be
// flushed with no lock held but that of its PostGate. Private to this folder.
//
// PostGate: an executor may be destroyed as soon as its tails are, so a tail that ends waits for
// the batches under way that may hold something for it. Any thread.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"

namespace signalbox::event_store {

class PostGate {
 public:
  [[nodiscard]] std::shared_lock<std::shared_mutex> enter() { return std::shared_lock(mutex_); }
  // Not from within a batch; executors run nothing inside post().
  void wait_for_those_inside() { const std::unique_lock lock(mutex_); }

 private:
  std::shared_mutex mutex_;
};

class PostBatch {
 public:
  // From here to the end of the batch the executors of tails stay.
  explicit PostBatch(PostGate& gate) : inside_(gate.enter()) {}

  void add(Executor& where, Task task) {
    for (auto& [executor, tasks] : batches_) {
      if (executor != &where) continue;
      tasks.push_back(std::move(task));
      return;
    }
    batches_.emplace_back(&where, std::vector<Task>()).second.push_back(std::move(task));
  }

  void flush() {
    for (auto& [executor, tasks] : std::exchange(batches_, {})) {
      if (tasks.size() == 1) {
        executor->post(std::move(tasks.front()));
      } else {
        executor->post([tasks = std::move(tasks)]() mutable {
          for (Task& task : tasks) std::exchange(task, nullptr)();
        });
      }
    }
  }

 private:
  std::shared_lock<std::shared_mutex> inside_;
  std::vector<std::pair<Executor*, std::vector<Task>>> batches_;
};

}  // namespace signalbox::event_store
