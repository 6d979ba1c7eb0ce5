// Router: joins the group, runs one PartitionWorker per partition it is given, and releases them in
// order. It consumes commands and is the only writer of events of the partitions it owns. Thread:
// constructed anywhere; start(), drain() and all work happen on its executor. Destroyed there too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "router/partition_worker.hpp"
#include "router/router_options.hpp"

namespace signalbox::router {

// A partition as this process has it.
struct PartitionShare {
  bool is_owned = false;               // not while it only waits for the owner before
  std::optional<Offset> inbound_next;  // first inbound offset without an outcome; none: not read
};

class Router final : private event_store::MembershipSink {
 public:
  // `on_fatal`: a partition can no longer be served by this process (unsupported_version: exit 75).
  Router(RouterServices services, RouterOptions options,
         std::function<void(const Error&)> on_fatal);
  ~Router() override;

  void start();
  // Leaves the group, releases every partition, then calls back. Once; not when it is destroyed
  // before.
  void drain(std::function<void()> done);
  // For what is decided from now on: what runs or waits already is not ended. Its executor's
  // thread.
  void replace_limits(const RoutingLimits& limits, std::size_t started_runs_max);

  [[nodiscard]] const RouterCounters& counters() const { return counters_; }
  // One sentence for every partition that is not served, empty when all are. Any thread; as of the
  // last second.
  [[nodiscard]] std::vector<std::string> not_ready() const;
  // The lowest inbound offset still needed, per owned partition: what is below may be deleted.
  [[nodiscard]] std::map<Partition, Offset> inbound_floors() const;
  // Of every partition it is given. Any thread; as of the last second.
  [[nodiscard]] std::map<Partition, PartitionShare> shares() const;

 private:
  void on_assigned(std::span<const Partition> partitions) override;
  void on_trouble(const Error& error) override { group_trouble_ = error.message; }
  void own_assigned();
  void share_users_max();
  void refresh_status();

  RouterServices services_;
  RouterOptions options_;
  std::function<void(const Error&)> on_fatal_;
  RouterCounters counters_;
  std::set<Partition> assigned_;  // by the group's newest word
  std::string group_trouble_;     // why it is not in the group; empty once that has spoken
  std::map<Partition, std::unique_ptr<PartitionWorker>> workers_;
  std::unique_ptr<event_store::Membership> membership_;
  bool is_assigned_ = false;  // it has spoken, were it that no further owner is needed
  bool draining_ = false;
  std::size_t releasing_ = 0;
  TimerId status_timer_ = TimerId::none;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  mutable std::mutex status_mutex_;
  std::vector<std::string> not_ready_{"router: not started"};  // GUARDED_BY(status_mutex_)
  std::map<Partition, Offset> floors_;                         // GUARDED_BY(status_mutex_)
  std::map<Partition, PartitionShare> shares_;                 // GUARDED_BY(status_mutex_)
};

}  // namespace signalbox::router
