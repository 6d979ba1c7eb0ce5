// ValidEvents: the events that count, of one user's partition or of the whole log, in the order
// they were written, up to what was there when it was made. Memory: one batch, whatever the length.
// Thread: one. Errors: corrupt (a damaged row, or an epoch nobody claimed; told with what to do),
// stopped, io_error.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "event-store/log/validity_fold.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

struct ValidEvent {
  RecordPtr record;
  event_store::Position after;  // of its partition
};

class ValidEvents {
 public:
  // Of all users, or of the partition of this one; `log` and `watch` outlive it.
  [[nodiscard]] static Result<ValidEvents> open(event_store::LogReader& log,
                                                std::optional<UserId> user, const Watch& watch);

  // Of this user, from a position of his partition that can be trusted.
  [[nodiscard]] static Result<ValidEvents> open_at(event_store::LogReader& log, UserId user,
                                                   const event_store::Position& from,
                                                   const Watch& watch);

  // The next one; of a user only his. nullopt at the end.
  [[nodiscard]] Result<std::optional<ValidEvent>> next();
  [[nodiscard]] Progress progress() const { return {done_, total_}; }

 private:
  ValidEvents(event_store::LogReader& log, std::optional<UserId> user, const Watch& watch)
      : log_(&log), user_(std::move(user)), watch_(&watch) {}
  // False: the end.
  [[nodiscard]] Result<bool> fill();

  event_store::LogReader* log_;
  std::optional<UserId> user_;
  const Watch* watch_;
  std::optional<TopicPartition> only_{};  // where the user's events are
  std::int64_t done_ = 0;                 // rows, or records of his partition
  std::int64_t total_ = 0;
  std::vector<RecordPtr> batch_;
  std::size_t next_ = 0;  // of batch_
  std::unordered_map<Partition, event_store::Position> positions_;
};

}  // namespace signalbox::replay
