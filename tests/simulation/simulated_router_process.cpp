#include "tests/simulation/simulated_router_process.hpp"

#include <utility>

#include "event-store/snapshot/sqlite_snapshot_store.hpp"

namespace signalbox::simulation {
namespace {

// For a group of appends to be under way.
constexpr std::chrono::milliseconds kCommitWait{300};

}  // namespace

struct SimulatedRouterProcess::Process {
  Process(const Surroundings& on, const std::string& name, const router::AgentRegistry& agents,
          const router::RouterOptions& options, event_store::SnapshotStore& snapshots,
          std::function<void(const Error&)> on_fatal)
      : scheduler(on.scheduler),
        executor(scheduler.make_executor(name)),
        session(on.log.open_session()),
        log(*session, on.group, &on.witness, name),
        router({log, snapshots, scheduler.clock(), executor, on.random, agents}, options,
               std::move(on_fatal)) {
    scheduler.run_on(executor, [this] { router.start(); });
  }
  ~Process() { scheduler.stop(executor); }

  test_support::SimulatedScheduler& scheduler;
  Executor& executor;
  std::unique_ptr<event_store::EventLog> session;
  ProcessLog log;
  router::Router router;
  bool gone = false;     // it has left in order
  bool stopped = false;  // a partition of it cannot be served any more
};

SimulatedRouterProcess::SimulatedRouterProcess(Surroundings surroundings, std::string name,
                                               std::unique_ptr<router::AgentRegistry> agents,
                                               router::RouterOptions options, RunReport& report)
    : surroundings_(surroundings),
      name_(std::move(name)),
      agents_(std::move(agents)),
      options_(std::move(options)),
      report_(report),
      snapshots_(std::make_unique<event_store::MemorySnapshotStore>()) {
  options_.instance = name_;
}

SimulatedRouterProcess::~SimulatedRouterProcess() = default;

void SimulatedRouterProcess::start() {
  if (process_ && (process_->gone || process_->stopped)) kill();
  if (process_) return;
  paused_ = draining_ = false;
  process_ = std::make_unique<Process>(
      surroundings_, name_, *agents_, options_, *snapshots_, [this](const Error& error) {
        process_->stopped = true;
        report_.count("partition stopped by a row that cannot be read");
        if (!rows_are_damaged_ || error.code != Errc::corrupt)
          report_.violate(name_ + ": a partition stopped: " + error.message);
      });
}

bool SimulatedRouterProcess::kill_in_commit() {
  if (!process_) return false;
  const auto commits = [&] { return surroundings_.log.in_flight(*process_->session) > 1; };
  const bool is_committing = surroundings_.scheduler.run_until(commits, kCommitWait);
  if (is_committing) surroundings_.log.crash_in_commit(*process_->session);
  kill();
  return is_committing;
}

bool SimulatedRouterProcess::kill() { return std::exchange(process_, nullptr) != nullptr; }

bool SimulatedRouterProcess::pause() {
  if (!process_ || std::exchange(paused_, true)) return false;
  surroundings_.scheduler.pause(process_->executor);
  surroundings_.scheduler.call_after(std::chrono::milliseconds(surroundings_.random.below(1500)),
                                     [this] {
                                       if (paused_) surroundings_.group.lose(name_);
                                     });
  return true;
}

void SimulatedRouterProcess::go_on() {
  if (!process_ || !std::exchange(paused_, false)) return;
  surroundings_.scheduler.resume(process_->executor);
  surroundings_.group.hear_of(name_);
}

bool SimulatedRouterProcess::drain() {
  if (!process_ || paused_ || std::exchange(draining_, true)) return false;
  surroundings_.scheduler.run_on(process_->executor, [process = process_.get()] {
    process->router.drain([process] { process->gone = true; });
  });
  return true;
}

bool SimulatedRouterProcess::is_leaving() const { return process_ && draining_ && !process_->gone; }

std::vector<std::string> SimulatedRouterProcess::not_ready() const {
  return process_ ? process_->router.not_ready() : std::vector<std::string>{"it does not run"};
}

bool SimulatedRouterProcess::lose_snapshots() {
  if (!process_) snapshots_ = std::make_unique<event_store::MemorySnapshotStore>();
  return !process_;
}

Result<void> SimulatedRouterProcess::keep_snapshots(const std::string& folder) const {
  const auto session = surroundings_.log.open_session();
  auto file = event_store::SqliteSnapshotStore::open(folder + "/" + name_ + ".db",
                                                     session->describe().log_id, {});
  return file ? snapshots_->copy_to(**file) : tl::unexpected(file.error());
}

}  // namespace signalbox::simulation
