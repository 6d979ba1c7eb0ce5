// SharedScans: scans of the log for single users (contract 13), where those of one partition share
// one reader: a pass over a piece of it finds what all who wait for that piece look for. At most
// one pass of a partition is under way, so that a partition whose broker does not answer holds one
// helper, and those that do not fit into it wait in line for further ones, in the order they came.
// What throws is a bug and ends nobody else's scan: a task that does fails alone, a pass that does
// refuses those who wait for its partition. Bounds: waiting_max scans that wait, of all partitions;
// kTogetherMax in one pass. Thread: the feed's; the log is read on the helpers of the queue.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "event-store/log/log_scan.hpp"
#include "gateway/scan_queue.hpp"
#include "gateway/stream.hpp"

namespace signalbox::gateway {

class SharedScans {
 public:
  // On a helper; what it returns runs at home.
  using Take = std::function<Task(event_store::LogScanResult)>;

  // All outlive it, and no job of the queue begins or ends once it is gone.
  SharedScans(event_store::EventLog& log, ScanQueue& queue, Executor& home, std::size_t waiting_max)
      : log_(log), queue_(queue), home_(home), waiting_max_(waiting_max) {}

  // One of the two runs, unless the scan is dropped or this is gone: `refused` when too many wait,
  // perhaps inside the call, or the queue closes, or the pass throws. Of one socket at most one
  // scan waits: a later one takes its place.
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
  using Requests = std::vector<Request>;
  // Has a pass, in the queue or under way, from its first request to the end of its last one.
  struct Line {
    std::deque<Request> waiting{};
    std::shared_ptr<Requests> served{};  // by the pass that is under way; a helper reads them
    std::set<SessionId> dropped{};       // since it began: whose scan is not taken up again
  };

  // What they find is in memory at once.
  static constexpr std::size_t kTogetherMax = 64;

  void begin_pass(Partition partition);
  [[nodiscard]] std::function<Task()> make_pass(Partition partition);
  // On a helper. A task by request; null: the pass did not come to it.
  [[nodiscard]] static std::vector<Task> read_log(event_store::EventLog& log,
                                                  const Requests& requests);
  void end_pass(Partition partition, const std::vector<Task>& tasks);
  void go_on(Partition partition);
  void refuse_all(Partition partition);
  // In a turn of its own.
  void run_later(Task task);

  event_store::EventLog& log_;
  ScanQueue& queue_;
  Executor& home_;
  const std::size_t waiting_max_;
  std::map<Partition, Line> lines_;
  std::size_t waiting_ = 0;  // in all of them
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace signalbox::gateway
