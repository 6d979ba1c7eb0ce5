#include "replay/valid_events.hpp"

#include <utility>

#include "event-store/contract/identity.hpp"

namespace signalbox::replay {
namespace {

Error told_what_to_do(Error error) {
  if (error.code == Errc::corrupt)
    error.message += "; `signalbox replay verify` names all that is damaged";
  return error;
}

}  // namespace

Result<ValidEvents> ValidEvents::open(event_store::LogReader& log, std::optional<UserId> user,
                                      const Watch& watch) {
  ValidEvents events(log, std::move(user), watch);
  if (!events.user_) {
    const auto rows = log.rows_written();
    if (!rows) return tl::unexpected(rows.error());
    events.total_ = *rows;
    return events;
  }
  events.only_ = TopicPartition{
      Topic::events, event_store::partition_of(*events.user_, log.describe().partitions)};
  const auto bounds = log.bounds(*events.only_);
  if (!bounds) return tl::unexpected(bounds.error());
  events.total_ = bounds->end.value();
  return events;
}

Result<ValidEvents> ValidEvents::open_at(event_store::LogReader& log, UserId user,
                                         const event_store::Position& from, const Watch& watch) {
  auto events = open(log, std::move(user), watch);
  if (!events) return events;
  events->done_ = from.next_offset.value();
  events->positions_[events->only_->partition] = from;
  return events;
}

Result<bool> ValidEvents::fill() {
  batch_.clear();
  next_ = 0;
  if (!(*watch_)({done_, total_})) return failure(Errc::stopped, "interrupted");
  if (done_ >= total_) return false;
  if (only_) {
    auto read = log_->read(*only_, Offset(done_), {});
    if (!read) return tl::unexpected(told_what_to_do(std::move(read).error()));
    batch_ = std::move(*read);
    if (!batch_.empty()) done_ = batch_.back()->offset.next().value();
    return !batch_.empty();
  }
  auto read = log_->read_events(done_, {});
  if (!read) return tl::unexpected(told_what_to_do(std::move(read).error()));
  if (read->empty()) {
    done_ = total_;
    return false;
  }
  done_ = read->back().row;
  for (event_store::NumberedRecord& one : *read) batch_.push_back(std::move(one.record));
  return true;
}

Result<std::optional<ValidEvent>> ValidEvents::next() {
  for (;;) {
    if (next_ == batch_.size()) {
      const auto filled = fill();
      if (!filled) return tl::unexpected(filled.error());
      if (!*filled) return std::optional<ValidEvent>();
    }
    RecordPtr record = std::move(batch_[next_++]);
    event_store::Position& position = positions_[record->at.partition];
    const auto judged = event_store::fold(position, *record);
    if (judged.verdict == event_store::Verdict::corrupt)
      return tl::unexpected(
          told_what_to_do({Errc::corrupt, event_store::name_place(record->at, record->offset) +
                                              ": an event of an epoch that nobody has claimed"}));
    if (judged.verdict != event_store::Verdict::valid) continue;
    if (user_ && record->key != user_->value()) continue;
    return std::optional(ValidEvent{std::move(record), position});
  }
}

}  // namespace signalbox::replay
