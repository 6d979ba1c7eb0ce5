// UserRebuild: folds the states of some users from the log alone, for when their snapshots are lost
// or refused (contract 9). It reads the whole partition once for all of them, in pieces, so that
// the router's other work goes on between. Memory: the states. Thread: the router's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

class UserRebuild {
 public:
  struct Rebuilt {
    RoutingState state;
    std::optional<std::string> damage{};  // why he is frozen, if he is
  };

  UserRebuild(event_store::EventLog& log, LogId log_id, Partition partition,
              std::span<const UserId> users, RoutingLimits limits);

  // Folds one more piece, at most up to `target`; true once everything before `target` is folded.
  // Error unsupported_version: this build cannot fold the partition; others are the log's.
  [[nodiscard]] Result<bool> advance(Offset target);
  // One per user, when advance() has said true.
  [[nodiscard]] std::vector<Rebuilt> take();

 private:
  [[nodiscard]] Result<void> fold_record(const Record& record);

  event_store::EventLog& log_;
  Partition partition_;
  RoutingLimits limits_;
  event_store::Position position_{};
  std::unordered_map<UserId, Rebuilt> users_;
};

}  // namespace signalbox::router
