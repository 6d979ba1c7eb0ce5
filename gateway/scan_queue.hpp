// ScanQueue: the helper threads for reads that block, one job each at a time; further jobs wait
// their turn, those of sockets and those of requests in one line, the gateway's own before them.
// Thread: the feed's, but the job itself runs on a helper.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "event-store/model/clock.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

class ScanQueue {
 public:
  using Prepare = std::function<std::function<Task()>()>;

  // The executors outlive the queue and are threads of their own: jobs block them.
  ScanQueue(Executor& home, std::vector<Executor*> helpers, std::size_t waiting_max)
      : home_(home), free_(std::move(helpers)), waiting_max_(waiting_max) {}

  // `work` runs on a helper, then what it returned runs at home. Neither runs once the queue is
  // gone, save a job that was already begun, whose result is dropped. Of one socket at most one job
  // waits: a later one takes its place. False when too many wait: the job is dropped.
  [[nodiscard]] bool submit(SessionId socket, std::function<Task()> work) {
    const auto waiting = find(socket);
    if (waiting != waiting_.end()) {
      waiting->prepare = ready(std::move(work));
      return true;
    }
    if (!is_free() && waiting_.size() >= waiting_max_) return false;
    take({socket, ready(std::move(work)), {}});
    return true;
  }
  // A job of the gateway's own, of which there are few per partition: many may wait for what it
  // finds, so it stands before the others.
  void submit(std::function<Task()> work) {
    if (closed_) return;
    if (!free_.empty()) return begin(std::move(work));
    own_.push_back(std::move(work));
  }
  // A job of no socket's: `dropped` runs in its place, at home, when too many wait or the queue
  // closes.
  void submit(std::function<Task()> work, Task dropped) {
    if (closed_ || (!is_free() && waiting_.size() >= waiting_max_)) return dropped();
    take({std::nullopt, ready(std::move(work)), std::move(dropped)});
  }
  // The same, of a job that is made up only when a helper is free for it: `prepare` runs then, at
  // home. There is at most one per partition, so it is not refused.
  void submit_late(Prepare prepare, Task dropped) {
    if (closed_) return dropped();
    take({std::nullopt, std::move(prepare), std::move(dropped)});
  }
  // A job that is submitted now begins at once. One that goes on stands in line again behind those
  // that wait.
  [[nodiscard]] bool is_free() const { return !free_.empty() && waiting_.empty(); }
  // No job begins any more.
  void close() {
    closed_ = true;
    own_.clear();
    for (const Job& job : std::exchange(waiting_, {}))
      if (job.dropped) job.dropped();
  }
  // The job of this socket that waits, if one does, will not run.
  void drop(SessionId socket) {
    const auto waiting = find(socket);
    if (waiting != waiting_.end()) waiting_.erase(waiting);
  }
  [[nodiscard]] std::size_t waiting() const { return own_.size() + waiting_.size(); }

 private:
  struct Job {
    std::optional<SessionId> socket;
    Prepare prepare;
    Task dropped;
  };
  using Jobs = std::deque<Job>;

  Jobs::iterator find(SessionId socket) {
    return std::find_if(waiting_.begin(), waiting_.end(),
                        [&](const Job& job) { return job.socket == socket; });
  }
  static Prepare ready(std::function<Task()> work) {
    return [work = std::move(work)] { return work; };
  }
  void take(Job job) {
    if (closed_) return;
    if (is_free()) return begin(job.prepare());
    waiting_.push_back(std::move(job));
  }
  void begin(std::function<Task()> work) {
    Executor* const helper = free_.back();
    free_.pop_back();
    helper->post([this, helper, work = std::move(work), &home = home_,
                  alive = std::weak_ptr<const bool>(alive_)] {
      home.post([this, helper, alive, finish = work()] {
        if (alive.expired()) return;
        free_.push_back(helper);
        finish();
        begin_next();
      });
    });
  }
  void begin_next() {
    if (free_.empty()) return;
    std::function<Task()> next;
    if (!own_.empty()) {
      next = std::move(own_.front());
      own_.pop_front();
    } else if (!waiting_.empty()) {
      const Job job = std::move(waiting_.front());
      waiting_.pop_front();
      next = job.prepare();
    } else {
      return;
    }
    begin(std::move(next));
  }

  Executor& home_;
  std::vector<Executor*> free_;
  const std::size_t waiting_max_;
  std::deque<std::function<Task()>> own_;
  Jobs waiting_;
  bool closed_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace signalbox::gateway
