// SharedScans: scans of the log for single users (contract 13), where those of one partition share
// one reader: a pass over a piece of it finds what all who wait for that piece look for. At most
// one pass of a partition is under way, so that a partition whose broker does not answer holds one
// helper, and those that do not fit into it wait in line for further ones, in the order they came.
// Bounds: waiting_max scans that wait, of all partitions; kTogetherMax in one pass.
// Thread: the feed's; the log is read on the helpers of the queue.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "event-store/log/log_scan.hpp"
#include "gateway/scan_queue.hpp"

namespace signalbox::gateway {

class SharedScans {
 public:
  // On a helper; what it returns runs at home.
  using Take = std::function<Task(event_store::LogScanResult)>;

  // Both outlive it, and no job of the queue begins or ends once it is gone.
  SharedScans(event_store::EventLog& log, ScanQueue& queue, std::size_t waiting_max)
      : log_(log), queue_(queue), waiting_max_(waiting_max) {}

  // One of the two runs, unless the scan is dropped or this is gone: `refused` when too many wait
  // or the queue closes, perhaps inside the call. Of one socket at most one scan waits: a later one
  // takes its place.
  void submit(std::optional<SessionId> socket, event_store::LogScan scan, Take take, Task refused);
  // The scan of this socket that waits, if one does, will not run.
  void drop(SessionId socket);
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  struct Request {
    std::optional<SessionId> socket;
    event_store::LogScan scan;
    Take take;
    Task refused;
  };
  struct Line {
    std::deque<Request> waiting;
    bool has_pass = false;          // in the queue or under way
    std::set<SessionId> dropped{};  // since it began: whose scan is not taken up again
  };
  using Requests = std::vector<Request>;

  // What they find is in memory at once.
  static constexpr std::size_t kTogetherMax = 64;

  void begin_pass(Partition partition, Line& line);
  [[nodiscard]] std::function<Task()> make_pass(Partition partition);
  // A task by request; null: the pass did not come to it.
  void end_pass(Partition partition, Requests& requests, const std::vector<Task>& tasks);
  void refuse_all(Partition partition);

  event_store::EventLog& log_;
  ScanQueue& queue_;
  const std::size_t waiting_max_;
  std::map<Partition, Line> lines_;  // those that have a pass
  std::size_t waiting_ = 0;          // in all of them
};

}  // namespace signalbox::gateway
