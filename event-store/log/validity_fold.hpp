// The validity fold: what counts in a partition of events (contract 8; rules and checked model in
// ops/decisions/0015). One implementation for router, gateway, event store and replay. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "event-store/model/control.hpp"
#include "event-store/model/ids.hpp"
#include "event-store/model/record.hpp"

namespace signalbox::event_store {

// All that the validity of the next record depends on. Stored in snapshots, archives, checkpoints
// and cursors: a fact about a prefix that cannot change.
struct Position {
  Offset next_offset{0};
  Epoch epoch{0};  // highest accepted so far; 0 = none
  std::optional<ClaimId>
      claim{};            // id of the record that set it; unknown when started from a cursor
  OwnerSeq owner_seq{0};  // of the last valid event of this epoch
  friend bool operator==(const Position&, const Position&) = default;
};

enum class Verdict {
  valid,       // an event every reader accepts
  duplicate,   // sent again: dropped
  superseded,  // a zombie's: dropped
  hole,        // an earlier append is missing: dropped, its owner sends it again
  control,     // partition_owned accepted: a new epoch begins
  repeat,      // partition_checkpoint, or partition_owned repeated, of the current owner
  released,    // partition_released: a hint
  genesis,     // log_genesis at offset 0
  ignored,     // a control record that lost, or came too late
  malformed,   // nobody can tell what it is; counted, alarmed, harmless to the rest
  corrupt,     // an event of an epoch nobody has claimed: stops the partition
};
[[nodiscard]] std::string_view to_text(Verdict verdict);
inline constexpr int kVerdictCount = 11;

struct Judged {
  Verdict verdict;
  std::optional<ControlData> control{};  // decoded, where the record is a control record
};

// Judges one record of topic events and moves the position behind it. Records come in offset order;
// position.next_offset may be smaller than the record's offset where the log has holes.
Judged fold(Position& position, const Record& record);

// Where a router goes on in inbound, and whether the last owner left in order: folded beside
// Position by whoever needs it (routers, replay). Call after fold() with its verdict.
struct InboundResume {
  Offset next{0};                  // the first inbound offset without an outcome
  Epoch released{0};               // epoch of the newest release of the then current owner
  std::optional<Trying> trying{};  // of the newest accepted checkpoint that had one

  friend bool operator==(const InboundResume&, const InboundResume&) = default;
};
void fold_resume(InboundResume& resume, const Position& after, const Judged& judged,
                 const Record& record);

}  // namespace signalbox::event_store
