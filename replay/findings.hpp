// Findings: what a verification found damaged, in the order it was met: the first ones in full, the
// others counted. Where they are of one user, those that name another are no part of them and only
// counted apart. Memory: kept_max findings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event-store/model/record.hpp"

namespace signalbox::replay {

// Printed by name; append only.
enum class DamageKind {
  file_unreadable,          // the log cannot be read on
  row_changed,              // a row does not match its checksum
  row_unreadable,           // it does, but its headers are none
  row_missing,              // no row where one must be
  row_out_of_order,         // rows were written in another order than their offsets say
  row_misplaced,            // of a topic or partition this log has not, or a place that is taken
  tail_missing,             // the newest rows: the log's own counters know of more
  row_beyond_the_end,       // the log's own counters know of less
  log_shorter_than_it_was,  // the file `head` has seen more rows
  wrong_genesis,            // the partition does not begin with the genesis of this log
  unclaimed_epoch,          // an event of an epoch that nobody claimed
  hole_left,                // events behind a gap in their epoch, which never came again
  unknown_record,           // among events, and neither event nor control record
  wrong_user,               // key and subject differ, or the user belongs to another partition
  seq_broken,               // the user's events do not count 1, 2, 3 ...
  chain_broken,             // the chain hash does not follow from the events before
  chain_unreadable,         // seq or chain hash are missing
  archive_unreadable,       // a file of the archive cannot be read
  archive_changed,          // the archive has another event than the log
  archive_lacks_event,      // the log's event is not in the archive
  archive_has_more,         // the archive's event is not in the log
  archive_ahead,            // the archive has read further than the log is long
  anchor_disagrees,         // a signed checkpoint says something else
  snapshot_unreadable,      // a snapshot, or their file, cannot be read
  snapshot_disagrees,       // a snapshot says something else than the log it was folded from
  snapshot_ahead,           // a snapshot holds more than the log
  log_cut,                  // the oldest events of a partition are gone
  control_of_a_user,        // a control record with a key, or with headers of a user
  anchor_key_changed,       // anchor.pub is not the key that signs the anchors
};
[[nodiscard]] std::string_view to_text(DamageKind kind);

struct Finding {
  DamageKind kind;
  std::optional<TopicPartition> at{};
  std::optional<Offset> offset{};
  std::string user{};  // as the record names him; empty where none
  std::optional<Seq> seq{};
  std::string what;  // a sentence
};
// `events partition 3 offset 17, user anna, seq 7: row_changed: the stored row ...`
[[nodiscard]] std::string to_text(const Finding& finding);

class Findings {
 public:
  explicit Findings(std::size_t kept_max, std::string only_user = {})
      : kept_max_(kept_max), only_user_(std::move(only_user)) {}
  void add(Finding finding);
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t of_others() const { return of_others_; }
  [[nodiscard]] const std::vector<Finding>& kept() const { return kept_; }

 private:
  std::size_t kept_max_;
  std::string only_user_;  // empty: all
  std::int64_t count_ = 0;
  std::int64_t of_others_ = 0;
  std::vector<Finding> kept_;
};

}  // namespace signalbox::replay
