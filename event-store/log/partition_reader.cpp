#include "event-store/log/partition_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "event-store/contract/codec.hpp"

namespace signalbox::event_store {
namespace {

// An owner that left in order stated a checkpoint last; after a crash it is further back.
constexpr std::int64_t kReadBackFirst = 16;
constexpr std::int64_t kReadBackMax = 1000;
// A checkpoint is stated every 1,000 records (contract 8), so this is many of them.
constexpr std::size_t kOldestSearchBytes = std::size_t{64} << 20;

// A fold_at speaks of a prefix that was read back before its checkpoint was written; anything else
// was not written by us.
std::optional<Position> position_of(const LogId& log, const Record& record) {
  if (!is_control(record)) return std::nullopt;
  const auto decoded = decode_control(record);
  if (!decoded) return std::nullopt;
  const auto* checkpoint = std::get_if<PartitionCheckpoint>(&decoded->data);
  if (checkpoint == nullptr || checkpoint->log_id != log) return std::nullopt;
  const FoldPoint& at = checkpoint->fold_at;
  if (at.offset < Offset(0) || at.offset > record.offset) return std::nullopt;
  return Position{at.offset, at.epoch, at.claim_id, at.owner_seq};
}

// The furthest position stated between `from` and `to`.
Result<std::optional<Position>> search(EventLog& log, TopicPartition at, Offset from, Offset to) {
  const LogId log_id = log.describe().log_id;
  std::optional<Position> best;
  while (from < to) {
    const auto records = log.read(at, from, {.records_max = static_cast<std::size_t>(to - from)});
    if (!records) return tl::unexpected(records.error());
    if (records->empty()) break;
    for (const RecordPtr& record : *records) {
      const auto found = position_of(log_id, *record);
      if (found && (!best || found->next_offset > best->next_offset)) best = found;
    }
    from = records->back()->offset.next();
  }
  return best;
}

std::string name_record(const Record& record) {
  return "events partition " + std::to_string(record.at.partition.value()) + " offset " +
         std::to_string(record.offset.value());
}

Error name_step_back(const Record& record, const Position& position) {
  return {Errc::corrupt, name_record(record) + " was delivered again; the next one is " +
                             std::to_string(position.next_offset.value())};
}

Error name_unclaimed(const JudgedRecord& culprit) {
  const Record& record = *culprit.record;
  return {Errc::corrupt, name_record(record) + ": an event of epoch " +
                             std::string(record.header("ce_ownerepoch").value_or("?")) +
                             ", which nobody has claimed; the highest is " +
                             std::to_string(culprit.after.epoch.value())};
}

}  // namespace

PartitionReader::PartitionReader(EventLog& log, Executor& executor, Partition partition,
                                 Position start, JudgedSink& sink)
    : position_(std::move(start)), sink_(sink) {
  tail_ = log.tail({Topic::events, partition}, position_.next_offset, executor, *this);
}

PartitionReader::~PartitionReader() = default;

void PartitionReader::on_records(std::span<const RecordPtr> records) {
  std::vector<JudgedRecord> batch;
  batch.reserve(records.size());
  std::optional<Error> stop;
  for (const RecordPtr& record : records) {
    if (record->offset < position_.next_offset) {
      stop = name_step_back(*record, position_);
      break;
    }
    Judged judged = fold(position_, *record);
    ++verdicts_[static_cast<std::size_t>(judged.verdict)];
    const bool corrupt = judged.verdict == Verdict::corrupt;
    batch.push_back({record, std::move(judged), position_});
    if (corrupt) {
      stop = name_unclaimed(batch.back());
      break;
    }
  }
  if (stop) tail_.reset();
  const std::weak_ptr<bool> alive = alive_;
  sink_.on_judged(batch);
  if (stop && !alive.expired()) sink_.on_stopped(*stop);
}

void PartitionReader::on_caught_up(Offset end) {
  // Offsets may be skipped at the end of a partition too; nothing there changes the fold.
  position_.next_offset = std::max(position_.next_offset, end);
  sink_.on_caught_up(position_);
}

void PartitionReader::on_failed(const Error& error) { sink_.on_stopped(error); }

Result<Position> find_start_position(EventLog& log, Partition partition) {
  const auto bounds = log.bounds({Topic::events, partition});
  if (!bounds) return tl::unexpected(bounds.error());
  return find_start_position(log, partition, bounds->end);
}

Result<Position> find_start_position(EventLog& log, Partition partition, Offset end) {
  const TopicPartition at{Topic::events, partition};
  const auto bounds = log.bounds(at);
  if (!bounds) return tl::unexpected(bounds.error());
  Offset to = end;
  for (auto step = kReadBackFirst; to > bounds->first; step = std::min(2 * step, kReadBackMax)) {
    const Offset from = std::max(bounds->first, to + -step);
    const auto found = search(log, at, from, to);
    if (!found) return tl::unexpected(found.error());
    if (*found) return **found;
    to = from;
  }
  return Position{};
}

Result<Position> find_oldest_position(EventLog& log, Partition partition) {
  const TopicPartition at{Topic::events, partition};
  const auto bounds = log.bounds(at);
  if (!bounds) return tl::unexpected(bounds.error());
  if (bounds->first == Offset(0)) return Position{};
  const LogId log_id = log.describe().log_id;
  std::size_t bytes = 0;
  for (Offset from = bounds->first; from < bounds->end && bytes < kOldestSearchBytes;) {
    const auto records = log.read(at, from, {});
    if (!records) return tl::unexpected(records.error());
    if (records->empty()) break;
    for (const RecordPtr& record : *records) {
      bytes += size_bytes(*record);
      const auto found = position_of(log_id, *record);
      if (found && found->next_offset >= bounds->first) return *found;
    }
    from = records->back()->offset.next();
  }
  return failure(Errc::not_found, "events partition " + std::to_string(partition.value()) +
                                      ": nothing near its first offset states a position");
}

}  // namespace signalbox::event_store
