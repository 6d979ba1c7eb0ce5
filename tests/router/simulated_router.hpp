// SimulatedRouter: one machine that follows and owns one partition of a simulated log. What
// outlives a process on it are its snapshots. kill() is kill -9; pause() makes a zombie; release()
// gives the partition up in order, and the next start() is another process.
#pragma once

#include <gtest/gtest.h>

#include <map>
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

// Counts calls by call id, over all processes: the outside world.
class CountingTool final : public Tool {
 public:
  explicit CountingTool(std::map<CallId, int>& calls) : calls_(calls) {}
  [[nodiscard]] std::string_view name() const override { return "count"; }
  [[nodiscard]] OnUnknown on_unknown() const override { return OnUnknown::retry; }
  [[nodiscard]] std::unique_ptr<ToolExecution> start(ToolCall call, const Clock& clock,
                                                     Executor& executor, ToolDone done) override {
    ++calls_[call.call_id];
    const TimerId timer = executor.call_at(clock.monotonic() + std::chrono::milliseconds(30),
                                           [done] { done(JsonText("{}")); });
    return std::make_unique<Wait>(executor, timer);
  }

 private:
  struct Wait final : ToolExecution {
    Wait(Executor& on, TimerId id) : executor(on), timer(id) {}
    ~Wait() override { executor.cancel(timer); }
    Executor& executor;
    TimerId timer;
  };
  std::map<CallId, int>& calls_;
};

// Two calls with a thought between them.
class CountingAgent final : public Agent {
 public:
  explicit CountingAgent(std::map<CallId, int>& calls) : tool_(calls) {}
  [[nodiscard]] std::string_view name() const override { return "count"; }
  [[nodiscard]] std::string_view version() const override { return "1"; }
  [[nodiscard]] Tool* find_tool(std::string_view) override { return &tool_; }
  [[nodiscard]] AgentTask start(AgentRun& run) override {
    co_await run.call_tool("count", JsonText("{}"));
    co_await run.think("once more");
    co_await run.call_tool("count", JsonText("{}"));
    co_return AgentAnswer{.content = run.content()};
  }

 private:
  CountingTool tool_;
};

}  // namespace signalbox::router
