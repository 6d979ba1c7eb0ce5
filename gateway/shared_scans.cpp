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
  const auto [line, is_new] = lines_.try_emplace(partition);
  line->second.waiting.push_back({socket, std::move(scan), std::move(take), std::move(refused)});
  ++waiting_;
  if (is_new) begin_pass(partition);
}

void SharedScans::drop(SessionId socket) {
  for (auto& [partition, line] : lines_) {
    waiting_ -=
        std::erase_if(line.waiting, [&](const Request& one) { return one.socket == socket; });
    line.dropped.insert(socket);
  }
}

void SharedScans::begin_pass(Partition partition) {
  queue_.submit_late([this, partition] { return make_pass(partition); },
                     [this, partition] { refuse_all(partition); });
}

// Of those that wait by now.
std::function<Task()> SharedScans::make_pass(Partition partition) {
  Line& line = lines_.at(partition);
  line.dropped.clear();
  line.served = std::make_shared<Requests>();
  while (!line.waiting.empty() && line.served->size() < kTogetherMax) {
    line.served->push_back(std::move(line.waiting.front()));
    line.waiting.pop_front();
  }
  waiting_ -= line.served->size();
  return [this, &log = log_, partition, requests = line.served]() -> Task {
    return [this, partition, tasks = read_log(log, *requests)] { end_pass(partition, tasks); };
  };
}

std::vector<Task> SharedScans::read_log(event_store::EventLog& log, const Requests& requests) {
  std::vector<LogScan> scans;
  for (const Request& one : requests) scans.push_back(one.scan);
  auto results = scan_log_together(log, scans);
  std::vector<Task> tasks(results.size());
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i]) tasks[i] = requests[i].take(*std::move(results[i]));
  return tasks;
}

void SharedScans::end_pass(Partition partition, const std::vector<Task>& tasks) {
  Line& line = lines_.at(partition);
  const auto served = std::exchange(line.served, nullptr);
  // Before those who came since, and before those who were served and go on.
  for (std::size_t i = tasks.size(); i-- > 0;) {
    Request& request = (*served)[i];
    if (tasks[i] || (request.socket && line.dropped.contains(*request.socket))) continue;
    line.waiting.push_front(std::move(request));
    ++waiting_;
  }
  for (const Task& task : tasks)
    if (task) run_later(task);
  // What these submit stands in the line by then.
  run_later([this, partition] { go_on(partition); });
}

void SharedScans::go_on(Partition partition) {
  if (lines_.at(partition).waiting.empty())
    lines_.erase(partition);
  else
    begin_pass(partition);
}

void SharedScans::refuse_all(Partition partition) {
  const auto line = lines_.extract(partition);
  const Line& refused = line.mapped();
  waiting_ -= refused.waiting.size();
  if (refused.served)
    for (const Request& one : *refused.served)
      if (!one.socket || !refused.dropped.contains(*one.socket)) run_later(one.refused);
  for (const Request& one : refused.waiting) run_later(one.refused);
}

void SharedScans::run_later(Task task) {
  home_.post([alive = std::weak_ptr<const bool>(alive_), task = std::move(task)] {
    if (!alive.expired()) task();
  });
}

}  // namespace signalbox::gateway
