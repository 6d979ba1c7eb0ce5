// UserRebuild: folds one user's state from the log alone, for when his snapshot is missing or
// refused (contract 9). It reads the whole partition in pieces, so that the router's other work
// goes on between. Thread: the router's.
#pragma once

#include "event-store/log/event_log.hpp"
#include "event-store/log/validity_fold.hpp"
#include "router/routing_state.hpp"

namespace signalbox::router {

class UserRebuild {
 public:
  UserRebuild(event_store::EventLog& log, LogId log_id, Partition partition, UserId user,
              RoutingLimits limits);

  // Folds one more piece, at most up to `target`; true once everything before `target` is folded.
  [[nodiscard]] Result<bool> advance(Offset target);
  [[nodiscard]] const UserId& user() const { return state_.user_id; }
  [[nodiscard]] RoutingState take() { return std::move(state_); }

 private:
  void fold_record(const Record& record);

  event_store::EventLog& log_;
  Partition partition_;
  RoutingLimits limits_;
  event_store::Position position_{};
  RoutingState state_;
};

}  // namespace signalbox::router
