// LogCheck: judges the rows of a log one by one, some at a time. See verify.hpp.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "event-store/log/log_reader.hpp"
#include "event-store/log/user_chain.hpp"
#include "replay/log_cut.hpp"
#include "replay/row_batch.hpp"
#include "replay/verify.hpp"

namespace signalbox::replay {

class LogCheck {
 public:
  LogCheck(event_store::HistoryLog& log, const VerifyOptions& options, VerifyReport& report);

  // Before the first row: of this partition of events those from a position on follow, which is one
  // that can be trusted. Of a user whose earlier events are not read, the first one is believed.
  void begin_at(Partition partition, const event_store::Position& from);
  // The same where what was before is gone: then nobody knows a position, and the first event that
  // is left is believed about that too. Named as damage.
  void begin_behind(const LogCut& cut);
  // Rows of one place come in the order they lie in. A row may be judged later, by settle() at the
  // latest.
  void check(const event_store::StoredRow& row);
  // Judges what was not judged yet: before anything else is told of, or begun.
  void settle();
  // After the last row: `counters` as they were before the first was read.
  void finish(const std::map<std::int64_t, std::int64_t>& counters);

 private:
  struct Place {
    TopicPartition at;
    Offset next{0};  // expected
    bool is_met = false;
    std::vector<Offset> late{};  // lie behind others that come after them
  };
  struct PartitionFold {
    event_store::Position position{};
    bool begins_later = false;     // not with its first record
    bool is_damaged = false;       // since the last event: go on from what the next one states
    std::optional<Finding> gap{};  // of offsets, since then, which may have had nothing in them
    // Of the newest epoch, where something in between is missing so far.
    std::optional<Finding> first_hole{};
    OwnerSeq last_hole{0};
  };

  void judge(const RowBatch::Row& row);
  [[nodiscard]] Place* place_of(const event_store::StoredRow& row);
  // False: the row is not the next of its place, and was dealt with.
  [[nodiscard]] bool follows(Place& place, const event_store::StoredRow& row);
  void name_gap(Place& place, Offset found);
  void name_row_missing(Place& place, Offset found);
  void check_event_row(const RowBatch::Row& row);
  void check_genesis(const event_store::Judged& judged);
  void check_control();
  void check_hole(PartitionFold& partition);
  void resume_behind_damage(PartitionFold& partition, event_store::Position before);
  void check_valid(PartitionFold& partition);
  void check_user(bool is_new);
  // The event after his last one; the first one of a user whose earlier ones are not read is
  // believed.
  [[nodiscard]] std::optional<event_store::ChainBreak> follow(const PartitionFold& partition,
                                                              bool is_new,
                                                              event_store::UserChain& chain) const;
  void add(DamageKind kind, std::string what);
  [[nodiscard]] Finding at_record(DamageKind kind, std::string what) const;
  void check_ends(const std::map<std::int64_t, std::int64_t>& counters);
  [[nodiscard]] std::string user_of(const event_store::StoredRow& row) const;
  [[nodiscard]] Finding at_row(DamageKind kind, const TopicPartition& at,
                               const event_store::StoredRow& row, std::string what) const;

  event_store::HistoryLog& log_;
  event_store::LogReader* const file_;  // null: the log has no checksums and order of its own
  const VerifyOptions& options_;
  VerifyReport& report_;
  const LogId log_id_;
  const std::int32_t partitions_;
  std::unordered_map<std::int64_t, Place> places_;
  std::vector<PartitionFold> folds_;
  std::unordered_map<std::string, event_store::UserChain> chains_;
  RowBatch batch_;
  const RowBatch::Row* row_ = nullptr;  // the event that is judged
  const Record* record_ = nullptr;      // of row_
};

// Whether the log is as long as it was: `witnessed` was read before `rows`, which were counted.
void check_length(event_store::LogReader& log, std::optional<std::int64_t> witnessed,
                  std::int64_t rows, Findings& findings);

}  // namespace signalbox::replay
