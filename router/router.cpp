#include "router/router.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace signalbox::router {
namespace {

constexpr std::chrono::milliseconds kStatusInterval{250};

}  // namespace

Router::Router(RouterServices services, RouterOptions options,
               std::function<void(const Error&)> on_fatal)
    : services_(services), options_(std::move(options)), on_fatal_(std::move(on_fatal)) {
  options_.rules.agents = services_.agents.names();
}

Router::~Router() { services_.executor.cancel(status_timer_); }

void Router::replace_limits(const RoutingLimits& limits, std::size_t started_runs_max) {
  options_.rules.limits.queue_per_thread = limits.queue_per_thread;
  options_.rules.limits.runs_per_user = limits.runs_per_user;
  options_.rules.limits.waiting_per_user = limits.waiting_per_user;
  options_.started_runs_max = started_runs_max;
}

void Router::start() {
  membership_ = services_.log.join(options_.group, services_.executor, *this);
  refresh_status();
}

void Router::on_assigned(std::span<const Partition> partitions) {
  if (draining_) return;
  group_trouble_.clear();
  assigned_ = {partitions.begin(), partitions.end()};
  spdlog::info("assigned partitions: {}", assigned_.size());
  is_assigned_ = true;
  // First what others wait for.
  for (auto& [partition, worker] : workers_) {
    if (assigned_.contains(partition)) continue;
    worker->release([this, gone = partition, alive = std::weak_ptr<bool>(alive_)] {
      if (alive.expired()) return;
      workers_.erase(gone);
      own_assigned();  // it may have come back meanwhile
    });
  }
  own_assigned();
}

void Router::own_assigned() {
  for (const Partition partition : assigned_)
    if (!workers_.contains(partition))
      workers_.emplace(partition, std::make_unique<PartitionWorker>(
                                      services_, options_, counters_, partition,
                                      [this](Partition, const Error& error) { on_fatal_(error); }));
  share_users_max();
}

// The limit is of the process: a partition has its share of it.
void Router::share_users_max() {
  if (workers_.empty()) return;
  const std::size_t share = std::max<std::size_t>(options_.states.users_max / workers_.size(), 1);
  for (auto& [partition, worker] : workers_) worker->set_users_max(share);
}

// Others are given the partitions while the last steps are finished here; they wait for the
// release.
void Router::drain(std::function<void()> done) {
  draining_ = true;
  membership_.reset();
  assigned_.clear();
  releasing_ = workers_.size();
  if (releasing_ == 0) return services_.executor.post(std::move(done));
  for (auto& [partition, worker] : workers_)
    worker->release([this, done, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired() && --releasing_ == 0) done();
    });
}

void Router::refresh_status() {
  std::vector<std::string> not_ready;
  std::map<Partition, Offset> floors;
  std::map<Partition, PartitionShare> shares;
  if (draining_) not_ready.push_back("router: draining");
  if (!is_assigned_ && group_trouble_.empty()) not_ready.push_back("router: joining its group");
  if (!group_trouble_.empty()) not_ready.push_back("router: " + group_trouble_);
  for (const auto& [partition, worker] : workers_) {
    const Offset next = worker->inbound_resume();
    floors.emplace(partition, next);
    shares.emplace(partition,
                   PartitionShare{.is_owned = worker->is_owner(),
                                  .inbound_next = worker->has_caught_up() ? std::optional(next)
                                                                          : std::nullopt});
    if (!worker->is_serving())
      not_ready.push_back("partition " + std::to_string(partition.value()) + ": " +
                          worker->why_not_serving());
  }
  {
    const std::lock_guard lock(status_mutex_);
    not_ready_ = std::move(not_ready);
    floors_ = std::move(floors);
    shares_ = std::move(shares);
  }
  status_timer_ = services_.executor.call_at(services_.clock.monotonic() + kStatusInterval,
                                             [this] { refresh_status(); });
}

std::vector<std::string> Router::not_ready() const {
  const std::lock_guard lock(status_mutex_);
  return not_ready_;
}

std::map<Partition, Offset> Router::inbound_floors() const {
  const std::lock_guard lock(status_mutex_);
  return floors_;
}

std::map<Partition, PartitionShare> Router::shares() const {
  const std::lock_guard lock(status_mutex_);
  return shares_;
}

}  // namespace signalbox::router
