// PostBatch: tasks collected for several executors and given to each in one post(), in the order
// they were added: a commit of many records wakes each waiting thread once. One thread; must be
// flushed with no lock held. Private to this folder.
#pragma once

#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"

namespace signalbox::event_store {

class PostBatch {
 public:
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
  std::vector<std::pair<Executor*, std::vector<Task>>> batches_;
};

}  // namespace signalbox::event_store
