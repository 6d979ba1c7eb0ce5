// UserRebuild: folds the states of some users from the log alone, for when their snapshots are lost
// or refused (contract 9). It reads the whole partition once for all of them, through a tail: so
// the router's other work goes on between the pieces, and a log that does not answer is waited for.
// Memory: the states, and one piece. Thread: the router's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

class UserRebuild final : private event_store::TailSink {
 public:
  struct Rebuilt {
    RoutingState state;
    std::optional<std::string> damage{};  // why he is frozen, if he is
  };

  UserRebuild(LogId log_id, std::span<const UserId> users, RoutingLimits limits);

  // Reads the partition from its begin until everything before `target`, asked for with each piece,
  // is folded. `done` runs once, on the executor, and may destroy this; never if it was destroyed
  // before. Error unsupported_version: this build cannot fold the partition; others are the tail's.
  void start(event_store::EventLog& log, Executor& executor, Partition partition,
             std::function<Offset()> target, std::function<void(Result<void>)> done);
  // Those of them before `target`, which follow on those folded so far.
  [[nodiscard]] Result<void> fold(std::span<const RecordPtr> records, Offset target);
  // One per user, when all is folded.
  [[nodiscard]] std::vector<Rebuilt> take();

 private:
  [[nodiscard]] Result<void> fold_record(const Record& record);
  void finish(Result<void> result);

  void on_records(std::span<const RecordPtr> records) override;
  void on_caught_up(Offset end) override;
  void on_failed(const Error& error) override;

  RoutingLimits limits_;
  event_store::Position position_{};
  std::unordered_map<UserId, Rebuilt> users_;
  std::function<Offset()> target_;
  std::function<void(Result<void>)> done_;
  std::unique_ptr<event_store::Tail> tail_;
};

}  // namespace signalbox::router
