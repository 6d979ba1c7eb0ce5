#include "replay/valid_events.hpp"

#include <utility>

#include "event-store/contract/identity.hpp"
#include "event-store/log/log_reader.hpp"
#include "replay/shown_text.hpp"

namespace signalbox::replay {
namespace {

Error told_what_to_do(Error error) {
  if (error.code == Errc::corrupt)
    error.message += "; `signalbox replay verify` names all that is damaged";
  return error;
}

}  // namespace

Result<void> ValidEvents::add_stretch(const TopicPartition& at) {
  const auto bounds = log_->bounds(at);
  if (!bounds) return tl::unexpected(bounds.error());
  if (bounds->first > Offset(0)) {
    cuts_.push_back({at, bounds->first});
    unproven_.insert(at.partition);
  }
  stretches_.push_back({at, bounds->first, bounds->end});
  done_ += bounds->first.value();
  total_ += bounds->end.value();
  return {};
}

Result<ValidEvents> ValidEvents::open(event_store::HistoryLog& log, std::optional<UserId> user,
                                      const Watch& watch) {
  ValidEvents events(log, std::move(user), watch);
  const std::int32_t partitions = log.describe().partitions;
  if (!events.user_ && log.file() != nullptr) {
    const auto rows = log.file()->rows_written();
    if (!rows) return tl::unexpected(rows.error());
    events.total_ = *rows;
    return events;
  }
  for (std::int32_t number = partitions - 1; number >= 0; --number) {
    const Partition partition(number);
    if (events.user_ && event_store::partition_of(*events.user_, partitions) != partition) continue;
    if (auto added = events.add_stretch({Topic::events, partition}); !added)
      return tl::unexpected(added.error());
  }
  events.follows_chain_ = events.user_.has_value();
  if (events.follows_chain_ && events.cuts_.empty())
    events.chain_ = event_store::start_of_chain(log.describe().log_id, *events.user_);
  return events;
}

Result<ValidEvents> ValidEvents::open_at(event_store::HistoryLog& log, UserId user,
                                         const event_store::Position& from, const Watch& watch) {
  auto events = open(log, std::move(user), watch);
  if (!events) return events;
  Stretch& stretch = events->stretches_.front();
  if (from.next_offset < stretch.next)
    return tl::unexpected(lost_history({stretch.at, stretch.next}));
  stretch.next = from.next_offset;
  events->follows_chain_ = false;
  events->cuts_.clear();
  events->unproven_.clear();
  events->done_ = from.next_offset.value();
  events->positions_[stretch.at.partition] = from;
  return events;
}

Result<bool> ValidEvents::fill_in_file_order() {
  if (done_ >= total_) return false;
  auto read = log_->file()->read_events(done_, {});
  if (!read) return tl::unexpected(told_what_to_do(std::move(read).error()));
  if (read->empty()) {
    done_ = total_;
    return false;
  }
  done_ = read->back().row;
  for (event_store::NumberedRecord& one : *read) batch_.push_back(std::move(one.record));
  return true;
}

Result<bool> ValidEvents::fill() {
  batch_.clear();
  next_ = 0;
  if (!(*watch_)({done_, total_})) return failure(Errc::stopped, "interrupted");
  if (!user_ && log_->file() != nullptr) return fill_in_file_order();
  while (!stretches_.empty()) {
    Stretch& stretch = stretches_.back();
    if (stretch.next < stretch.end) {
      auto read = log_->read(stretch.at, stretch.next, {});
      if (!read) return tl::unexpected(told_what_to_do(std::move(read).error()));
      batch_ = std::move(*read);
    }
    const Offset reached = batch_.empty() ? stretch.end : batch_.back()->offset.next();
    done_ += reached.value() - stretch.next.value();
    stretch.next = reached;
    if (!batch_.empty()) return true;
    stretches_.pop_back();
  }
  return false;
}

event_store::Verdict ValidEvents::judge(const Record& record) {
  using event_store::Verdict;
  event_store::Position& position = positions_[record.at.partition];
  Verdict verdict = event_store::fold(position, record).verdict;
  if (unproven_.empty() || !unproven_.contains(record.at.partition)) return verdict;
  if (verdict == Verdict::corrupt || verdict == Verdict::hole) {
    position = stated_before(record).value_or(position);
    verdict = event_store::fold(position, record).verdict;
  }
  if (verdict == Verdict::valid) unproven_.erase(record.at.partition);
  return verdict;
}

void ValidEvents::follow_chain(const Record& event) {
  if (!chain_) {
    chain_ = event_store::stated_chain(event);
    return;
  }
  auto broken = event_store::follow(*chain_, event);
  if (broken && !chain_break_) chain_break_ = std::move(broken);
}

Result<std::optional<ValidEvent>> ValidEvents::next() {
  for (;;) {
    if (next_ == batch_.size()) {
      const auto filled = fill();
      if (!filled) return tl::unexpected(filled.error());
      if (!*filled) return std::optional<ValidEvent>();
    }
    RecordPtr record = std::move(batch_[next_++]);
    const auto verdict = judge(*record);
    if (verdict == event_store::Verdict::corrupt)
      return tl::unexpected(
          told_what_to_do({Errc::corrupt, event_store::name_place(record->at, record->offset) +
                                              ": an event of an epoch that nobody has claimed"}));
    if (verdict != event_store::Verdict::valid) continue;
    if (user_ && record->key != user_->value()) continue;
    if (follows_chain_) follow_chain(*record);
    const Partition partition = record->at.partition;
    ++given_;
    return std::optional(ValidEvent{std::move(record), positions_[partition]});
  }
}

Error no_events_of(const UserId& user) {
  return {Errc::not_found,
          "there is no event of '" + shown_text(user.value(), kOpaqueIdBytesMax) +
              "' in the log: look whether this is his name, byte by byte, and this his log; "
              "whether somebody removed all of him, `signalbox replay verify` of all users tells, "
              "as far as anchors can show it",
          "--user"};
}

}  // namespace signalbox::replay
