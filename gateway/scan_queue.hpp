// ScanQueue: the helper threads for reads that block, one job each at a time; further jobs wait
// their turn. Thread: the feed's, but the job itself runs on a helper.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"

namespace signalbox::gateway {

class ScanQueue {
 public:
  // The executors outlive the queue and are threads of their own: jobs block them.
  ScanQueue(Executor& home, std::vector<Executor*> helpers)
      : home_(home), free_(std::move(helpers)) {}

  // `work` runs on a helper, then what it returned runs at home. Neither runs once the queue is
  // gone, save a job that was already begun, whose result is dropped.
  void submit(std::function<Task()> work) {
    if (free_.empty()) {
      waiting_.push_back(std::move(work));
      return;
    }
    Executor* const helper = free_.back();
    free_.pop_back();
    helper->post([this, helper, work = std::move(work), &home = home_,
                  alive = std::weak_ptr<const bool>(alive_)] {
      home.post([this, helper, alive, finish = work()] {
        if (alive.expired()) return;
        free_.push_back(helper);
        finish();
        take_next();
      });
    });
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  void take_next() {
    if (waiting_.empty() || free_.empty()) return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    submit(std::move(next));
  }

  Executor& home_;
  std::vector<Executor*> free_;
  std::deque<std::function<Task()>> waiting_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace signalbox::gateway
