// verify: is the record whole? One pass over the rows of a log in the order they were written, each
// read once: its checksum, its place, the validity fold of its partition, the chain of its user,
// and beside it whatever else observes the valid events (the archive; anchors). Memory: a position
// per partition and a chain per user, nothing per event.
// Of a log that is not one file: the events of one partition after the other; whoever keeps the
// records has checked their bytes. Where their first ones are gone, it begins at the oldest left.
//
// After damage it goes on from what the records state, so that each is named once and what follows
// is still judged. What it cannot show without an anchor: that the newest events, or all of a user,
// were removed and everything that counts them was made to fit, or that one who may write the files
// rewrote a user's history with its chain, the archive included.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "event-store/contract/chain.hpp"
#include "event-store/log/history_log.hpp"
#include "event-store/log/validity_fold.hpp"
#include "replay/findings.hpp"
#include "replay/log_cut.hpp"
#include "replay/row_batch.hpp"
#include "replay/watch.hpp"

namespace signalbox::replay {

// What an observer sees of a valid event. Good during the call only.
struct SeenEvent {
  const Record& record;
  const event_store::ContentHash& content;
  const event_store::Hash& chain_hash;  // as the event states it
  Seq seq;                              // the same
  const event_store::Position& after;   // of its partition
};

// Follows a verification of all users: every valid event, of each partition in log order.
class ValidEventObserver {
 public:
  virtual ~ValidEventObserver() = default;
  virtual void on_valid(const SeenEvent& event, Findings& findings) = 0;
  // Before the first event of a partition that has lost those before.
  virtual void on_cut(const LogCut& cut) = 0;
  // All is read; `ends`: where each partition of events ends, by its number.
  virtual void on_end(const std::vector<event_store::Position>& ends, Findings& findings) = 0;
};

struct VerifyOptions {
  std::optional<UserId> user{};    // only his partition, and of it only his chain
  bool only_his_findings = false;  // of `user`: those of others in his partition are counted only
  std::size_t findings_max = 20;
  std::size_t rows_at_once = RowBatch::kRowsMax;  // are judged; what is found does not depend on it
  std::vector<ValidEventObserver*> observers{};
};

struct VerifyReport {
  std::int64_t rows = 0;
  std::int64_t events = 0;   // valid ones; of one user: his
  std::int64_t dropped = 0;  // duplicates, superseded ones, holes: no damage
  std::int64_t users = 0;
  Findings findings{0};
};

// Errors: stopped, and what keeps the log from being opened at all. What is wrong inside is in the
// report.
[[nodiscard]] Result<VerifyReport> verify_log(event_store::HistoryLog& log,
                                              const VerifyOptions& options, const Watch& watch);

}  // namespace signalbox::replay
