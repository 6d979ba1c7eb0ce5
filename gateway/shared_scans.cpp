#include "gateway/shared_scans.hpp"

#include <memory>
#include <utility>

namespace signalbox::gateway {

using event_store::LogScan;

void SharedScans::submit(std::optional<SessionId> socket, LogScan scan, Take take, Task refused) {
  const Partition partition = scan.partition;
  if (socket) drop(*socket);
  // Who can begin at once is not refused for those who wait for another partition.
  const bool begins = !lines_.contains(partition) && queue_.is_free();
  if (waiting_ >= waiting_max_ && !begins) return refused();
  Line& line = lines_[partition];
  line.waiting.push_back({socket, std::move(scan), std::move(take), std::move(refused)});
  ++waiting_;
  if (!line.has_pass) begin_pass(partition, line);
}

void SharedScans::drop(SessionId socket) {
  for (auto& [partition, line] : lines_) {
    waiting_ -=
        std::erase_if(line.waiting, [&](const Request& one) { return one.socket == socket; });
    if (line.has_pass) line.dropped.insert(socket);
  }
}

void SharedScans::begin_pass(Partition partition, Line& line) {
  line.has_pass = true;
  queue_.submit_late([this, partition] { return make_pass(partition); },
                     [this, partition] { refuse_all(partition); });
}

// Of those that wait by now.
std::function<Task()> SharedScans::make_pass(Partition partition) {
  Line& line = lines_.at(partition);
  line.dropped.clear();
  auto& waiting = line.waiting;
  const auto requests = std::make_shared<Requests>();
  while (!waiting.empty() && requests->size() < kTogetherMax) {
    requests->push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
  waiting_ -= requests->size();
  return [this, &log = log_, partition, requests]() -> Task {
    std::vector<LogScan> scans;
    for (const Request& one : *requests) scans.push_back(one.scan);
    auto results = scan_log_together(log, scans);
    std::vector<Task> tasks(results.size());
    for (std::size_t i = 0; i < results.size(); ++i)
      if (results[i]) tasks[i] = (*requests)[i].take(*std::move(results[i]));
    return [this, partition, requests, tasks = std::move(tasks)] {
      end_pass(partition, *requests, tasks);
    };
  };
}

void SharedScans::end_pass(Partition partition, Requests& requests,
                           const std::vector<Task>& tasks) {
  Line& line = lines_.at(partition);
  // Before those who came since, and before those who were served and go on.
  for (std::size_t i = tasks.size(); i-- > 0;) {
    if (tasks[i] || (requests[i].socket && line.dropped.contains(*requests[i].socket))) continue;
    line.waiting.push_front(std::move(requests[i]));
    ++waiting_;
  }
  for (const Task& task : tasks)
    if (task) task();
  // Nobody but this function ends the line: what the requests submit meanwhile stands in it.
  if (line.waiting.empty())
    lines_.erase(partition);
  else
    begin_pass(partition, line);
}

void SharedScans::refuse_all(Partition partition) {
  auto line = lines_.extract(partition);
  waiting_ -= line.mapped().waiting.size();
  for (const Request& one : line.mapped().waiting) one.refused();
}

}  // namespace signalbox::gateway
