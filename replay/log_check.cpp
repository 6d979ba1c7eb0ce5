#include "replay/log_check.hpp"

#include <algorithm>
#include <utility>

#include "event-store/contract/codec.hpp"
#include "event-store/contract/identity.hpp"

namespace signalbox::replay {
namespace {

using event_store::ChainBreak;
using event_store::Judged;
using event_store::StoredRow;
using event_store::Verdict;

constexpr std::size_t kLateRowsMax = 10'000;  // remembered per place

// Rows that are no longer needed are deleted from the front.
bool is_kept_for_ever(Topic topic) { return topic == Topic::events; }

std::optional<Seq> seq_in(std::string_view headers) {
  const auto parsed = Headers::parse(headers);
  if (!parsed) return std::nullopt;
  const auto number = event_store::header_number(parsed->split(), "ce_userseq");
  return number ? std::optional(Seq(*number)) : std::nullopt;
}

DamageKind kind_of(ChainBreak::Kind kind) {
  switch (kind) {
    case ChainBreak::Kind::seq: return DamageKind::seq_broken;
    case ChainBreak::Kind::hash: return DamageKind::chain_broken;
    case ChainBreak::Kind::unreadable: break;
  }
  return DamageKind::chain_unreadable;
}

}  // namespace

LogCheck::LogCheck(event_store::HistoryLog& log, const VerifyOptions& options, VerifyReport& report)
    : log_(log),
      file_(log.file()),
      options_(options),
      report_(report),
      log_id_(log.describe().log_id),
      partitions_(log.describe().partitions),
      folds_(static_cast<std::size_t>(partitions_)),
      batch_(options.rows_at_once) {}

// By its key; a row of the user in question whose key was changed is still his.
std::string LogCheck::user_of(const StoredRow& row) const {
  if (options_.user) {
    const auto headers = Headers::parse(row.headers);
    if (headers && headers->find("ce_subject") == options_.user->value())
      return options_.user->value();
  }
  return std::string(row.key.value_or(""));
}

Finding LogCheck::at_row(DamageKind kind, const TopicPartition& at, const StoredRow& row,
                         std::string what) const {
  return {.kind = kind,
          .at = at,
          .offset = row.offset,
          .user = user_of(row),
          .seq = at.topic == Topic::events ? seq_in(row.headers) : std::nullopt,
          .what = std::move(what)};
}

LogCheck::Place* LogCheck::place_of(const StoredRow& row) {
  const auto found = places_.find(row.place);
  if (found != places_.end()) return &found->second;
  const auto at = event_store::place_of(row.place, partitions_);
  if (at) return &places_.emplace(row.place, Place{.at = *at}).first->second;
  report_.findings.add({.kind = DamageKind::row_misplaced,
                        .offset = row.offset,
                        .user = std::string(row.key.value_or("")),
                        .what = "row " + std::to_string(row.number) + " names place " +
                                std::to_string(row.place) + ", which this log has not"});
  return nullptr;
}

void LogCheck::begin_at(Partition partition, const event_store::Position& from) {
  const TopicPartition at{Topic::events, partition};
  places_.emplace(event_store::place_number(at),
                  Place{.at = at, .next = from.next_offset, .is_met = true});
  PartitionFold& fold = folds_[static_cast<std::size_t>(partition.value())];
  fold.position = from;
  fold.begins_later = from.next_offset > Offset(0);
}

void LogCheck::begin_behind(const LogCut& cut) {
  begin_at(cut.at.partition, {.next_offset = cut.first});
  folds_[static_cast<std::size_t>(cut.at.partition.value())].is_damaged = true;
  report_.findings.add({.kind = DamageKind::log_cut,
                        .at = cut.at,
                        .offset = cut.first,
                        .what = to_text(cut) + "; what follows is verified from here on"});
  for (ValidEventObserver* const observer : options_.observers) observer->on_cut(cut);
}

void LogCheck::check(const StoredRow& row) {
  const auto at = event_store::place_of(row.place, partitions_);
  const bool is_event = at && at->topic == Topic::events;
  // Whose chain is followed: check_valid.
  const bool is_followed =
      !options_.user || !options_.observers.empty() || row.key == options_.user->value();
  batch_.add(row, at.value_or(TopicPartition{Topic::events, Partition(0)}),
             {.checksum = file_ != nullptr, .content = is_event && is_followed});
  if (batch_.is_full()) settle();
}

void LogCheck::settle() {
  for (const RowBatch::Row& row : batch_.finish()) judge(row);
}

void LogCheck::judge(const RowBatch::Row& judged) {
  const StoredRow& row = judged.stored;
  ++report_.rows;
  Place* const place = place_of(row);
  if (place == nullptr || !follows(*place, row)) return;
  const bool is_event = place->at.topic == Topic::events;
  const auto name = [&](DamageKind kind, std::string what) {
    report_.findings.add(at_row(kind, place->at, row, std::move(what)));
    if (is_event) folds_[static_cast<std::size_t>(place->at.partition.value())].is_damaged = true;
  };
  if (file_ != nullptr && !judged.is_as_written)
    return name(DamageKind::row_changed,
                "the stored row does not match its checksum: a byte of its key, headers, value, "
                "place, time or checksum was changed");
  if (!judged.is_readable)
    return name(DamageKind::row_unreadable,
                "its headers cannot be taken apart, although its checksum fits");
  if (is_event) check_event_row(judged);
}

bool LogCheck::follows(Place& place, const StoredRow& row) {
  if (row.offset < place.next) {
    const auto late = std::ranges::find(place.late, row.offset);
    if (late == place.late.end()) {
      report_.findings.add(at_row(DamageKind::row_misplaced, place.at, row,
                                  "there is another row of this place and offset before it"));
    } else {
      place.late.erase(late);  // named when it was missed
    }
    return false;
  }
  // What is deleted by age is deleted from the front.
  const bool begins = !place.is_met && !is_kept_for_ever(place.at.topic);
  if (row.offset > place.next && !begins) name_gap(place, row.offset);
  place.is_met = true;
  place.next = row.offset.next();
  return true;
}

void LogCheck::name_gap(Place& place, Offset found) {
  if (!is_kept_for_ever(place.at.topic)) {
    const auto bounds = log_.bounds(place.at);
    if (bounds && bounds->first >= found) return;  // deleted by age while this is reading
  }
  PartitionFold* const fold = place.at.topic == Topic::events
                                  ? &folds_[static_cast<std::size_t>(place.at.partition.value())]
                                  : nullptr;
  if (fold != nullptr) fold->is_damaged = true;
  if (file_ != nullptr) return name_row_missing(place, found);
  // Brokers leave holes where nothing is lost; whether something is, the next event tells.
  if (fold != nullptr && !fold->gap)
    fold->gap = {.kind = DamageKind::row_missing,
                 .at = place.at,
                 .offset = place.next,
                 .what = "events are missing; the next record there has offset " +
                         std::to_string(found.value())};
}

void LogCheck::name_row_missing(Place& place, Offset found) {
  for (Offset missing = place.next; missing < found; ++missing) {
    const auto lies_later = file_->has_row(place.at, missing);
    if (lies_later && *lies_later && place.late.size() < kLateRowsMax) {
      place.late.push_back(missing);
      report_.findings.add({.kind = DamageKind::row_out_of_order,
                            .at = place.at,
                            .offset = missing,
                            .what = "the row lies behind one with a greater offset: rows were "
                                    "exchanged or written again"});
      continue;
    }
    report_.findings.add({.kind = DamageKind::row_missing,
                          .at = place.at,
                          .offset = missing,
                          .what = "the row is missing; the next one there has offset " +
                                  std::to_string(found.value())});
    return;  // of a longer gap the beginning is named
  }
}

Finding LogCheck::at_record(DamageKind kind, std::string what) const {
  const auto seq = event_store::header_number(*record_, "ce_userseq");
  return {.kind = kind,
          .at = record_->at,
          .offset = record_->offset,
          .user = record_->key.value_or(""),
          .seq = seq ? std::optional(Seq(*seq)) : std::nullopt,
          .what = std::move(what)};
}

void LogCheck::add(DamageKind kind, std::string what) {
  report_.findings.add(at_record(kind, std::move(what)));
}

void LogCheck::check_event_row(const RowBatch::Row& row) {
  row_ = &row;
  record_ = &row.record;
  PartitionFold& partition = folds_[static_cast<std::size_t>(record_->at.partition.value())];
  const event_store::Position before = partition.position;
  const Judged judged = event_store::fold(partition.position, *record_);
  if (record_->offset == Offset(0)) check_genesis(judged);
  if (judged.control) check_control();
  switch (judged.verdict) {
    case Verdict::valid: check_valid(partition); break;
    case Verdict::malformed:
      add(DamageKind::unknown_record, "it is neither an event nor a control record");
      break;
    case Verdict::corrupt:
      if (!partition.is_damaged)
        add(DamageKind::unclaimed_epoch,
            "the event is of epoch " + std::string(record_->header("ce_ownerepoch").value_or("?")) +
                ", which nobody has claimed; the newest claimed one is " +
                std::to_string(before.epoch.value()));
      resume_behind_damage(partition, before);
      break;
    case Verdict::hole:
      if (partition.is_damaged)
        resume_behind_damage(partition, before);
      else
        check_hole(partition);
      break;
    case Verdict::duplicate:
    case Verdict::superseded: ++report_.dropped; break;
    case Verdict::control:
      partition.first_hole.reset();
      partition.last_hole = OwnerSeq(0);
      break;
    case Verdict::repeat:
    case Verdict::released:
    case Verdict::genesis:
    case Verdict::ignored: break;
  }
}

// Its owner sends it again once it has noticed, or another one decides afresh in a new epoch.
void LogCheck::check_hole(PartitionFold& partition) {
  ++report_.dropped;
  const OwnerSeq number(*event_store::header_number(*record_, "ce_ownerseq"));
  if (!partition.first_hole)
    partition.first_hole = at_record(
        DamageKind::hole_left,
        "the event is number " + std::to_string(number.value()) + " of its epoch, and number " +
            std::to_string(partition.position.owner_seq.value() + 1) +
            " was not in front of it: it counts for nobody, and so does all behind it");
  partition.last_hole = std::max(partition.last_hole, number);
}

// What came between was lost with the damage: from here on as this event states.
void LogCheck::resume_behind_damage(PartitionFold& partition, event_store::Position before) {
  if (partition.gap) report_.findings.add(*std::exchange(partition.gap, std::nullopt));
  const auto stated = stated_before(*record_);
  partition.position = before;
  partition.position.epoch = stated->epoch;
  partition.position.owner_seq = stated->owner_seq;
  if (event_store::fold(partition.position, *record_).verdict == Verdict::valid)
    check_valid(partition);
}

void LogCheck::check_genesis(const Judged& judged) {
  const auto* const genesis = judged.control ? std::get_if<LogGenesis>(&*judged.control) : nullptr;
  if (genesis == nullptr) {
    add(DamageKind::wrong_genesis, "the partition does not begin with log_genesis");
  } else if (genesis->log_id != log_id_ || genesis->partitions != partitions_) {
    add(DamageKind::wrong_genesis,
        "the partition begins with the genesis of log " + genesis->log_id.value().to_string() +
            " with " + std::to_string(genesis->partitions) + " partitions; this is log " +
            log_id_.value().to_string() + " with " + std::to_string(partitions_));
  }
}

// What it says counts all the same: validity depends on no key.
void LogCheck::check_control() {
  if (record_->key)
    return add(DamageKind::control_of_a_user, "a control record has a key, which none has");
  for (const std::string_view name : {"ce_subject", "ce_partitionkey", "ce_wsclientid"})
    if (record_->header(name))
      return add(DamageKind::control_of_a_user,
                 "a control record has the header " + std::string(name) + ", which none has");
}

void LogCheck::check_user(bool is_new) {
  if (record_->header("ce_subject") != record_->key)
    add(DamageKind::wrong_user, "key and ce_subject name different users");
  if (is_new && event_store::partition_of_key(*record_->key, partitions_) != record_->at.partition)
    add(DamageKind::wrong_user,
        "the user belongs to partition " +
            std::to_string(event_store::partition_of_key(*record_->key, partitions_).value()));
}

std::optional<ChainBreak> LogCheck::follow(const PartitionFold& partition, bool is_new,
                                           event_store::UserChain& chain) const {
  const auto stated =
      is_new && partition.begins_later ? event_store::stated_chain(*record_) : std::nullopt;
  if (!stated || stated->seq <= Seq(1))
    return event_store::follow(chain, row_->stated_place,
                               event_store::chain_next(chain.hash, row_->content), record_->offset);
  chain = *stated;
  return std::nullopt;
}

void LogCheck::check_valid(PartitionFold& partition) {
  partition.is_damaged = false;
  partition.gap.reset();
  if (partition.first_hole && partition.position.owner_seq >= partition.last_hole)
    partition.first_hole.reset();
  if (!record_->key || !is_opaque_id(*record_->key)) {
    add(DamageKind::wrong_user, "the event names no user");
    return;
  }
  const bool is_his = !options_.user || *record_->key == options_.user->value();
  if (!is_his && options_.observers.empty()) return;
  auto found = chains_.find(*record_->key);
  const bool is_new = found == chains_.end();
  if (is_new)
    found =
        chains_.emplace(*record_->key, event_store::start_of_chain(log_id_, UserId(*record_->key)))
            .first;
  const std::optional<ChainBreak> broken = follow(partition, is_new, found->second);
  if (is_his) {
    ++report_.events;
    report_.users += is_new ? 1 : 0;
    check_user(is_new);
    if (broken) add(kind_of(broken->kind), broken->what);
  }
  for (ValidEventObserver* const observer : options_.observers)
    observer->on_valid(
        {*record_, row_->content, found->second.hash, found->second.seq, partition.position},
        report_.findings);
}

void LogCheck::check_ends(const std::map<std::int64_t, std::int64_t>& counters) {
  for (const auto& [number, next] : counters) {
    const auto at = event_store::place_of(number, partitions_);
    if (!at || at->topic == Topic::progress) continue;
    const auto found = places_.find(number);
    const bool is_met = found != places_.end();
    if (!is_met && !is_kept_for_ever(at->topic)) continue;
    const Offset end = is_met ? found->second.next : Offset(0);
    if (end < Offset(next))
      report_.findings.add({.kind = DamageKind::tail_missing,
                            .at = at,
                            .offset = end,
                            .what = "the newest " + std::to_string(next - end.value()) +
                                    " rows are missing: the log has given offsets up to " +
                                    std::to_string(next - 1)});
    if (end > Offset(next))
      report_.findings.add(
          {.kind = DamageKind::row_beyond_the_end,
           .at = at,
           .offset = Offset(next),
           .what = "the log has given offsets up to " + std::to_string(next - 1) + " only"});
  }
}

void LogCheck::finish(const std::map<std::int64_t, std::int64_t>& counters) {
  settle();
  check_ends(counters);
  for (const PartitionFold& partition : folds_)
    if (partition.first_hole) report_.findings.add(*partition.first_hole);
  std::vector<event_store::Position> ends;
  for (const PartitionFold& partition : folds_) ends.push_back(partition.position);
  for (ValidEventObserver* const observer : options_.observers)
    observer->on_end(ends, report_.findings);
}

void check_length(event_store::LogReader& log, std::optional<std::int64_t> witnessed,
                  std::int64_t rows, Findings& findings) {
  if (witnessed && *witnessed > rows)
    findings.add({.kind = DamageKind::log_shorter_than_it_was,
                  .what = "the log has lost its newest " + std::to_string(*witnessed - rows) +
                          " rows: the file head beside it has seen " + std::to_string(*witnessed) +
                          ", log.db has counted " + std::to_string(rows)});
  const auto beyond = log.rows_beyond_count();
  if (beyond && *beyond > 0)
    findings.add({.kind = DamageKind::row_beyond_the_end,
                  .what = std::to_string(*beyond) +
                          " rows have greater numbers than the log has ever given"});
}

}  // namespace signalbox::replay
