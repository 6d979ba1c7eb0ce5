// ValidEvents: the events that count, of one user's partition or of the whole log, up to what was
// there when it was made. In the order they were written; of the whole of a log that is not one
// file, partition by partition. Memory: one batch, whatever the length. Thread: one.
//
// Behind a cut it begins at the oldest record that is left, at what that states of itself; cuts()
// names where. Errors: corrupt (a damaged row, or an epoch nobody claimed; told with what to do),
// not_found (a position before the oldest record), stopped, io_error, unavailable.
//
// Of one user it follows the chain too (contract 8), a hash per event of his: a break ends nothing,
// chain_break() tells the first. Of all users chains are followed by verify alone.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "event-store/log/history_log.hpp"
#include "event-store/log/user_chain.hpp"
#include "event-store/log/validity_fold.hpp"
#include "replay/log_cut.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

struct ValidEvent {
  RecordPtr record;
  event_store::Position after;  // of its partition
};

class ValidEvents {
 public:
  // Of all users, or of the partition of this one; `log` and `watch` outlive it.
  [[nodiscard]] static Result<ValidEvents> open(event_store::HistoryLog& log,
                                                std::optional<UserId> user, const Watch& watch);

  // Of this user, from a position of his partition that can be trusted.
  [[nodiscard]] static Result<ValidEvents> open_at(event_store::HistoryLog& log, UserId user,
                                                   const event_store::Position& from,
                                                   const Watch& watch);

  // The next one; of a user only his. nullopt at the end.
  [[nodiscard]] Result<std::optional<ValidEvent>> next();
  // Up to the one it gave last.
  [[nodiscard]] Progress progress() const {
    return {done_ - static_cast<std::int64_t>(batch_.size() - next_), total_};
  }
  // Of the user: where an event it gave does not follow from those before it. None from a position
  // on, where whoever came to it follows the chain.
  [[nodiscard]] const std::optional<event_store::ChainBreak>& chain_break() const {
    return chain_break_;
  }
  // How many it gave.
  [[nodiscard]] std::int64_t given() const { return given_; }
  // Of the partitions it reads.
  [[nodiscard]] const std::vector<LogCut>& cuts() const { return cuts_; }

 private:
  // Of one partition, what is still to be read.
  struct Stretch {
    TopicPartition at;
    Offset next;
    Offset end;
  };
  ValidEvents(event_store::HistoryLog& log, std::optional<UserId> user, const Watch& watch)
      : log_(&log), user_(std::move(user)), watch_(&watch) {}
  [[nodiscard]] Result<void> add_stretch(const TopicPartition& at);
  // False: the end.
  [[nodiscard]] Result<bool> fill();
  [[nodiscard]] Result<bool> fill_in_file_order();
  [[nodiscard]] event_store::Verdict judge(const Record& record);
  void follow_chain(const Record& event);

  event_store::HistoryLog* log_;
  std::optional<UserId> user_;
  const Watch* watch_;
  bool follows_chain_ = false;
  std::optional<event_store::UserChain> chain_;  // none: behind a cut, before his first event
  std::optional<event_store::ChainBreak> chain_break_;
  std::vector<Stretch> stretches_;  // the last one is read first
  std::vector<LogCut> cuts_;
  std::int64_t given_ = 0;
  std::int64_t done_ = 0;  // rows of a file, or records of the stretches
  std::int64_t total_ = 0;
  std::vector<RecordPtr> batch_;
  std::size_t next_ = 0;  // of batch_
  std::unordered_map<Partition, event_store::Position> positions_;
  std::unordered_set<Partition> unproven_;  // behind a cut, before the first valid event
};

// What is told of a user who has none: not_found, of --user.
[[nodiscard]] Error no_events_of(const UserId& user);

}  // namespace signalbox::replay
