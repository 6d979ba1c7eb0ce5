// SimulatedRouter: one machine that follows and owns one partition of a simulated log. What
// outlives a process on it are its snapshots. kill() is kill -9; pause() makes a zombie; release()
// gives the partition up in order, and the next start() is another process.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "router/partition_worker.hpp"
#include "tests/snapshot/memory_snapshot_store.hpp"
#include "tests/support/simulated_event_log.hpp"

namespace signalbox::router {

inline constexpr Partition kSimulatedPartition(0);

class SimulatedRouter {
 public:
  SimulatedRouter(test_support::SimulatedScheduler& scheduler, test_support::SimulatedEventLog& log,
                  const AgentRegistry& agents, const RouterOptions& options, Random& random)
      : scheduler_(scheduler), log_(log), agents_(agents), options_(options), random_(random) {}

  void start() {
    if (released_) kill();
    if (worker_) return;
    executor_ = &scheduler_.make_executor("machine");
    session_ = log_.open_session();
    paused_ = false;
    scheduler_.run_on(*executor_, [this] {
      worker_ = std::make_unique<PartitionWorker>(
          RouterServices{*session_, snapshots, scheduler_.clock(), *executor_, random_, agents_},
          options_, counters, kSimulatedPartition, [this](Partition, const Error& error) {
            if (!may_stop) ADD_FAILURE() << "a partition stopped: " << error.message;
            stopped = error;
          });
    });
  }
  void kill() {
    if (!worker_) return;
    scheduler_.stop(*executor_);
    worker_.reset();
    session_.reset();
    releasing_ = released_ = false;
  }
  void release() {
    if (!worker_ || paused_ || std::exchange(releasing_, true)) return;
    scheduler_.run_on(*executor_, [this] { worker_->release([this] { released_ = true; }); });
  }
  void pause() {
    if (worker_ && !paused_) scheduler_.pause(*executor_);
    paused_ = worker_ != nullptr;
  }
  void go_on() {
    if (worker_ && paused_) scheduler_.resume(*executor_);
    paused_ = false;
  }
  // It still hears what became of its appends, but reads nothing.
  void stop_reading() { log_.hold_tails(*session_); }
  void read_again() { log_.let_tails_go(*session_); }
  [[nodiscard]] bool is_serving() const { return worker_ && worker_->is_serving(); }
  [[nodiscard]] bool is_owner() const { return worker_ && worker_->is_owner(); }
  [[nodiscard]] bool is_released() const { return released_; }
  [[nodiscard]] bool has_caught_up() const { return worker_ && worker_->has_caught_up(); }
  [[nodiscard]] std::string why_not_serving() const { return worker_->why_not_serving(); }

  event_store::MemorySnapshotStore snapshots;
  RouterCounters counters;
  bool may_stop = false;
  std::optional<Error> stopped;  // its partition, with the reason

 private:
  test_support::SimulatedScheduler& scheduler_;
  test_support::SimulatedEventLog& log_;
  const AgentRegistry& agents_;
  const RouterOptions& options_;
  Random& random_;
  Executor* executor_ = nullptr;
  std::unique_ptr<event_store::EventLog> session_;
  std::unique_ptr<PartitionWorker> worker_;
  bool paused_ = false;
  bool releasing_ = false;
  bool released_ = false;
};

}  // namespace signalbox::router
