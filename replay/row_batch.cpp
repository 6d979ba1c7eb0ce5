#include "replay/row_batch.hpp"

#include "event-store/model/assert.hpp"

namespace signalbox::replay {

namespace {

constexpr std::size_t kRoomKept = RowBatch::kBytesMax / RowBatch::kRowsMax;

// Few rows are large, and in time each place would have held one of them.
void give_back(std::string& text) {
  if (text.capacity() > kRoomKept) text = {};
}

}  // namespace

RowBatch::Row& RowBatch::place_for(const event_store::StoredRow& row, const TopicPartition& at) {
  if (size_ == rows_.size())
    rows_.push_back(
        {.stored = row, .record = {at, row.offset, row.appended_at, std::nullopt, {}, {}}});
  Row& to = rows_[size_++];
  give_back(to.record.value);
  give_back(to.headers);
  to.record.at = at;
  to.record.offset = row.offset;
  to.record.appended_at = row.appended_at;
  if (row.key)
    to.record.key = *row.key;
  else
    to.record.key.reset();
  to.record.value = row.value;
  to.sha256 = row.sha256;
  if (to.record.headers.bytes().capacity() > kRoomKept) to.record.headers = {};
  to.is_readable = to.record.headers.assign(row.headers);
  if (!to.is_readable) {
    to.record.headers = {};
    to.headers = row.headers;
  }
  to.stored = row;
  if (row.key) to.stored.key = *to.record.key;
  to.stored.headers = to.is_readable ? to.record.headers.bytes() : to.headers;
  to.stored.value = to.record.value;
  to.stored.sha256 = to.sha256;
  return to;
}

void RowBatch::add(const event_store::StoredRow& row, const TopicPartition& at, Wanted wanted) {
  if (is_finished_) {
    is_finished_ = false;
    size_ = 0;
    bytes_ = 0;
  }
  SIGNALBOX_ASSERT(!is_full());
  Row& added = place_for(row, at);
  bytes_ += row.headers.size() + row.value.size();
  if (wanted.checksum) {
    checks_.add(added.stored);
    checked_.push_back(size_ - 1);
  }
  if (wanted.content && added.is_readable) {
    added.record.headers.split_into(split_);
    contents_.add(split_, added.record.value);
    added.stated_place = event_store::stated_place(split_);
    hashed_.push_back(size_ - 1);
  }
}

std::span<const RowBatch::Row> RowBatch::finish() {
  if (is_finished_) return {};
  is_finished_ = true;
  const std::vector<bool>& are_as_written = checks_.finish();
  for (std::size_t i = 0; i < checked_.size(); ++i)
    rows_[checked_[i]].is_as_written = are_as_written[i];
  const std::span<const event_store::ContentHash> contents = contents_.finish();
  for (std::size_t i = 0; i < hashed_.size(); ++i) rows_[hashed_[i]].content = contents[i];
  checked_.clear();
  hashed_.clear();
  return std::span(rows_).first(size_);
}

}  // namespace signalbox::replay
