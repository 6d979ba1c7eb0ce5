// ScanQueue: the helper threads for reads that block, one job each at a time; further jobs wait
// their turn in one line, the gateway's own before them. A job that throws leaves its helper to the
// others. Thread: the feed's, but the job itself runs on a helper.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"

namespace signalbox::gateway {

class ScanQueue {
 public:
  using Prepare = std::function<std::function<Task()>()>;

  // The executors outlive the queue and are threads of their own: jobs block them.
  ScanQueue(Executor& home, std::vector<Executor*> helpers, std::size_t waiting_max)
      : home_(home), free_(std::move(helpers)), waiting_max_(waiting_max) {}

  // `work` runs on a helper, then what it returned runs at home. Neither runs once the queue is
  // gone, save a job that was already begun, whose result is dropped. `dropped` runs in its place,
  // at home, when too many wait, the queue closes or `work` throws.
  void submit(std::function<Task()> work, Task dropped) {
    if (closed_ || (!is_free() && waiting_.size() >= waiting_max_)) return dropped();
    take({[work = std::move(work)] { return work; }, std::move(dropped)});
  }
  // A job of the gateway's own, of which there are few per partition: many may wait for what it
  // finds, so it stands before the others.
  void submit(std::function<Task()> work) {
    if (closed_) return;
    if (!free_.empty()) return begin(std::move(work), {});
    own_.push_back(std::move(work));
  }
  // The same, of a job that is made up only when a helper is free for it: `prepare` runs then, at
  // home. There is at most one per partition, so it is not refused.
  void submit_late(Prepare prepare, Task dropped) {
    if (closed_) return dropped();
    take({std::move(prepare), std::move(dropped)});
  }
  // A job that is submitted now begins at once. One that goes on stands in line again behind those
  // that wait.
  [[nodiscard]] bool is_free() const { return !free_.empty() && own_.empty() && waiting_.empty(); }
  // No job begins any more.
  void close() {
    closed_ = true;
    own_.clear();
    for (const Job& job : std::exchange(waiting_, {})) job.dropped();
  }
  [[nodiscard]] std::size_t waiting() const { return own_.size() + waiting_.size(); }

 private:
  struct Job {
    Prepare prepare;
    Task dropped;
  };

  void take(Job job) {
    if (closed_) return;
    if (is_free()) return begin(job.prepare(), std::move(job.dropped));
    waiting_.push_back(std::move(job));
  }
  void begin(std::function<Task()> work, Task dropped) {
    Executor* const helper = free_.back();
    free_.pop_back();
    helper->post([this, helper, work = std::move(work), dropped = std::move(dropped), &home = home_,
                  alive = std::weak_ptr<const bool>(alive_)] {
      const auto end = [&](Task then) {
        home.post([this, helper, alive, then = std::move(then)] {
          if (!alive.expired()) end_job(helper, then);
        });
      };
      Task finish;
      try {
        finish = work();
      } catch (...) {
        end(dropped);
        throw;  // for the helper to tell
      }
      end(std::move(finish));
    });
  }
  void end_job(Executor* helper, const Task& then) {
    free_.push_back(helper);
    // The next one begins after `then`, and also if that throws.
    home_.post([this, alive = std::weak_ptr<const bool>(alive_)] {
      if (!alive.expired()) begin_next();
    });
    if (then) then();
  }
  void begin_next() {
    if (free_.empty()) return;
    if (!own_.empty()) {
      std::function<Task()> next = std::move(own_.front());
      own_.pop_front();
      return begin(std::move(next), {});
    }
    if (waiting_.empty()) return;
    Job next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next.prepare(), std::move(next.dropped));
  }

  Executor& home_;
  std::vector<Executor*> free_;
  const std::size_t waiting_max_;
  std::deque<std::function<Task()>> own_;
  std::deque<Job> waiting_;
  bool closed_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace signalbox::gateway
